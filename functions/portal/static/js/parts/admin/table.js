// The list as a table, or as cards where the screen is narrow. One row at a time can be reached by Tab; arrow keys, j and k
// move on. `chosen`: the ids that are selected; `current`: the id of that row; `opened`: of the one in the panel.

import { portal, queryOf } from "../../data/config.js";
import { html, useRef } from "../../data/preact.js";
import { Status } from "../booking_card.js";
import { clientOf, isOver, nameOf, titleOf } from "../../words/booking.js";
import { channelName, kindInWords, messageStatus } from "../../words/message.js";
import { ago, instant, moment, shortDate, span, dateBlock, zoneName } from "../../words/time.js";

export function Bookings({ rows, narrow, ...rest }) {
  const list = useRef(null);
  const press = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    rest.move(step, event.target.matches("input") ? "input" : "a");
  };
  const List = narrow ? Cards : Table;
  return html`<div class="list" ref=${list} onKeyDown=${press}><${List} ...${{ rows, ...rest }} /></div>`;
}

function Table({ rows, zone, now, chosen, chooseAll, ...rest }) {
  const all = rows.every(({ id }) => chosen.has(id));
  const some = rows.some(({ id }) => chosen.has(id));
  return html`
    <table>
      <caption class="hidden">Bookings, times in ${zoneName(now, zone)}</caption>
      <thead><tr>
        <th class="check"><input type="checkbox" aria-label="Select all rows that are shown" checked=${all} indeterminate=${some && !all}
          onChange=${() => chooseAll(!all)} /></th>
        ${["Start", "Client", "Event", "Host", "Status", "Last message"].map((name) => html`<th scope="col">${name}</th>`)}
      </tr></thead>
      <tbody>${rows.map((booking) => html`<${Row} key=${booking.id} ...${{ booking, zone, now, chosen, ...rest }} />`)}</tbody>
    </table>`;
}

function Row({ booking, zone, now, chosen, toggle, current, opened, open }) {
  const { id } = booking;
  // A click anywhere in the row opens it, unless it marks text or is for something of its own.
  const click = (event) => event.target.closest("a, input, label, button") || getSelection().toString() || open(id);
  const classes = [chosen.has(id) && "chosen", opened === id && "opened", isOver(booking) && "over"].filter(Boolean).join(" ");
  return html`
    <tr data-id=${id} class=${classes} onClick=${click}>
      <td class="check"><${Check} ...${{ booking, zone, chosen, toggle, current }} /></td>
      <th scope="row"><${Start} ...${{ booking, zone, now, current, opened, open }} /></th>
      <td><${Client} booking=${booking} /></td>
      <td><bdi class="clamp" title=${titleOf(booking)}>${booking.event_type_title || titleOf(booking)}</bdi></td>
      <td><bdi class="clamp">${booking.host_name || booking.host_email || "–"}</bdi></td>
      <td><${Status} booking=${booking} now=${now} /></td>
      <td><${LastMessage} ...${{ booking, zone, now }} /></td>
    </tr>`;
}

function Cards({ rows, zone, now, chosen, toggle, current, opened, open }) {
  return html`<ul>${rows.map((booking) => html`
    <li key=${booking.id} data-id=${booking.id} class=${`card${chosen.has(booking.id) ? " chosen" : ""}${isOver(booking) ? " over" : ""}`}>
      <div class="top"><${Start} ...${{ booking, zone, now, current, opened, open }} />
        <${Check} ...${{ booking, zone, chosen, toggle, current }} /></div>
      <${Client} booking=${booking} />
      <p><bdi class="clamp">${booking.event_type_title || titleOf(booking)}</bdi></p>
      ${booking.host_name ? html`<p class="muted">with <bdi>${booking.host_name}</bdi></p>` : null}
      <div class="row"><${Status} booking=${booking} now=${now} /><${LastMessage} ...${{ booking, zone, now }} /></div>
    </li>`)}</ul>`;
}

function Check({ booking, zone, chosen, toggle, current }) {
  const whose = `${titleOf(booking)}, ${shortDate(instant(booking.starts_at), zone)}`;
  return html`<label class="target"><input type="checkbox" aria-label=${`Select ${whose}`} checked=${chosen.has(booking.id)}
    tabindex=${booking.id === current ? 0 : -1} onChange=${() => toggle(booking)} /></label>`;
}

function Start({ booking, zone, now, current, opened, open }) {
  const start = instant(booking.starts_at);
  const { year } = dateBlock(start, zone);
  const click = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a tab of its own
    event.preventDefault();
    open(booking.id);
  };
  return html`
    <a href=${portal("/admin") + queryOf({ ...Object.fromEntries(new URLSearchParams(location.search)), booking: booking.id })}
      tabindex=${booking.id === current ? 0 : -1} aria-expanded=${opened === booking.id ? "true" : "false"} onClick=${click}>
      <time datetime=${start.toISOString()}>${shortDate(start, zone)}${year === dateBlock(now, zone).year ? "" : ` ${year}`}
        <span class="when">${span(start, instant(booking.ends_at), zone)}</span></time>
      <span class="hidden">${titleOf(booking)}</span>
    </a>`;
}

function Client({ booking }) {
  const client = clientOf(booking);
  if (!client) return html`<span class="muted">–</span>`;
  const others = booking.attendees.filter((one) => !one.removed_at && one.id !== client.id).length;
  const address = client.email || client.phone;
  return html`<div class="client"><bdi class="clamp">${nameOf(client)}</bdi>
    ${address && address !== nameOf(client) ? html`<small class="clamp">${address}</small>` : null}
    ${others ? html`<small>and ${others} other${others === 1 ? "" : "s"}</small>` : null}</div>`;
}

function LastMessage({ booking, zone, now }) {
  const message = booking.last_message;
  if (!message) return html`<span class="muted">None</span>`;
  const { text, tone } = messageStatus(message.status);
  const at = instant(message.at);
  return html`<div class="message" title=${at ? moment(at, zone) : undefined}><span class=${`state ${tone}`}>${text}</span>
    <small>${channelName(message.channel)}: ${kindInWords(message)}${at ? `, ${ago(at, now)}` : ""}</small></div>`;
}
