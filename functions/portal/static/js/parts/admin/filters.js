// The filters as pills; on a narrow screen they are in a sheet of their own, and only what is set shows.

import { html, useState } from "../../data/preact.js";
import { MESSAGE_STATUSES } from "../../words/message.js";
import { BY, FILTERS, byOf, dateInWords, dateOf, listed, rangeInWords, statusesOf, withoutDate } from "../../words/filters.js";
import { Dialog } from "../dialog.js";
import { Drop } from "../drop.js";
import { ClientForm, DateForm, EventForm, HostForm, MessageForm, StatusForm } from "./filter_forms.js";

const NO_CHOICES = { hosts: [], event_types: [] };

/** Each filter: its name, what it is set to in words ("": it is not), how to take it away, its form. */
function filtersIn(query, choices, zone) {
  const named = (options, chosen) => options.filter(([value]) => chosen.includes(value)).map(([, text]) => text).join(", ");
  const host = choices.hosts.find(({ email }) => email === query.host);
  const event = choices.event_types.find(({ id }) => String(id) === query.event);
  const asked = dateOf(query);
  return [
    { key: "date", name: asked ? BY[byOf(query)] : "Date", value: asked && dateInWords(asked, zone), Form: DateForm, off: withoutDate(query) },
    { key: "status", name: "Status", value: named(statusesOf(query), listed(query.status)), Form: StatusForm },
    { key: "client", name: "Client", value: query.client ?? "", Form: ClientForm },
    { key: "host", name: "Host", value: host?.name || query.host || "", Form: HostForm, needs: choices.hosts.length > 1 },
    { key: "event", name: "Event type", value: event?.title || query.event || "", Form: EventForm },
    { key: "message", name: "Last message", value: named(MESSAGE_STATUSES, listed(query.message)), Form: MessageForm },
  ].filter(({ needs = true, value }) => needs || value);
}

export function Filters({ query, set, choices = NO_CHOICES, zone, now, narrow }) {
  const filters = filtersIn(query, choices, zone);
  const tip = (key) => (key === "date" && dateOf(query) ? rangeInWords(query, now, zone) : undefined);
  const remove = ({ key, off = { [key]: "" } }) => set(off);
  const clear = () => set({ ...Object.fromEntries(FILTERS.map((key) => [key, ""])), ...withoutDate(query) });
  const isSet = filters.some(({ value }) => value);
  const form = ({ Form }, close) => html`<${Form} ...${{ query, set, choices, zone, now, close }} />`;
  return html`
    <div class="pills" role="group" aria-label="Filters">
      ${narrow ? html`<${FilterSheet} ...${{ filters, form }} />` : null}
      ${filters.filter(({ value }) => value || !narrow).map((filter) => html`
        <span class=${`filter${filter.value ? " set" : ""}`} key=${filter.key} title=${tip(filter.key)}>
          ${narrow ? html`<span class="pill"><bdi>${filter.name}: ${filter.value}</bdi></span>`
            : html`<${Drop} label=${filter.name} text=${html`<bdi>${filter.value ? `${filter.name}: ${filter.value}` : filter.name}</bdi>`}>
                ${(close) => form(filter, close)}<//>`}
          ${filter.value ? html`<button type="button" class="off" onClick=${() => remove(filter)}
            aria-label=${`Remove the filter ${filter.name}: ${filter.value}`}>✕</button>` : null}
        </span>`)}
      ${isSet ? html`<button type="button" class="link" onClick=${clear}>Clear</button>` : null}
    </div>`;
}

function FilterSheet({ filters, form }) {
  const [open, setOpen] = useState(false);
  const close = () => setOpen(false);
  const count = filters.filter(({ value }) => value).length;
  return html`
    <button type="button" class="pill" onClick=${() => setOpen(true)}>Filters${count ? ` (${count})` : ""}</button>
    ${open ? html`<${Dialog} title="Filters" onClose=${close}>
      ${filters.map((filter) => html`
        <details class="in-sheet" key=${filter.key} open=${Boolean(filter.value)}><summary>${filter.name}</summary>${form(filter)}</details>`)}
      <div class="actions"><button class="primary" onClick=${close}>Show the bookings</button></div>
    <//>` : null}`;
}
