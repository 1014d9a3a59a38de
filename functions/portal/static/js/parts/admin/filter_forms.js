// What opens below a pill: one form a filter. What is chosen holds at once.

import { html, useRef, useState } from "../../data/preact.js";
import { MESSAGE_STATUSES } from "../../words/message.js";
import { BY, byOf, dateOf, datesOf, listed, rangeInWords, statusesOf, withoutDate } from "../../words/filters.js";
import { Field } from "../field.js";

/** The first change is a step that Back undoes; those that follow in the same form belong to it. */
function useSteps(set) {
  const begun = useRef(false);
  return (changes) => {
    set(changes, { replace: begun.current });
    begun.current = true;
  };
}

export function DateForm({ query, set, now, zone }) {
  const step = useSteps(set);
  const asked = dateOf(query);
  const [from, to] = asked.includes("..") ? asked.split("..") : ["", ""];
  const [days, setDays] = useState({ from, to });
  const wrong = days.from && days.to && days.to < days.from;
  const apply = (event) => {
    event.preventDefault();
    if (!wrong && (days.from || days.to)) step({ date: `${days.from}..${days.to}` });
  };
  const day = (side, text) => html`<${Field} label=${text} type="date" value=${days[side]} onInput=${(value) => setDays({ ...days, [side]: value })}
    error=${side === "to" && wrong ? "The last day is before the first." : null} />`;
  return html`
    <fieldset><legend>Which date</legend>
      ${Object.entries(BY).map(([value, text]) => html`
        <${Radio} name="by" ...${{ value, text, chosen: byOf(query) }} choose=${() => step({ by: value === "starts" ? "" : value })} />`)}
    </fieldset>
    <fieldset><legend>Range</legend>
      ${[["", "Any date"], ...datesOf(query)].map(([value, text]) => html`
        <${Radio} name="date" ...${{ value, text, chosen: asked }} choose=${() => step(value ? { date: value } : withoutDate(query))} />`)}
    </fieldset>
    <form class="range" onSubmit=${apply}>${day("from", "First day")}${day("to", "Last day")}<button>Use these days</button></form>
    <small aria-live="polite">${asked ? rangeInWords(query, now, zone) : ""}</small>`;
}

export const StatusForm = ({ query, set }) =>
  html`<${Checks} legend="Status" name="status" options=${statusesOf(query)} ...${{ query, set }} />`;

export const MessageForm = ({ query, set }) =>
  html`<${Checks} legend="Last message" name="message" options=${MESSAGE_STATUSES} ...${{ query, set }} />`;

export const HostForm = ({ query, set, choices }) =>
  html`<${Radios} legend="Host" name="host" any="Any host" ...${{ query, set }}
    options=${choices.hosts.map(({ email, name }) => [email, name ? `${name} · ${email}` : email])} />`;

export const EventForm = ({ query, set, choices }) =>
  html`<${Radios} legend="Event type" name="event" any="Any event type" ...${{ query, set }}
    options=${choices.event_types.map(({ id, title }) => [String(id), title || `Event type ${id}`])} />`;

export function ClientForm({ query, set, close }) {
  const [text, setText] = useState(query.client ?? "");
  const apply = (event) => {
    event.preventDefault();
    set({ client: text.trim() });
    close?.();
  };
  return html`
    <form onSubmit=${apply}>
      <${Field} label="Client" hint="The whole e-mail address or phone number. For a part of it use the search." maxlength="320"
        value=${text} onInput=${setText} />
      <button>Show their bookings</button>
    </form>`;
}

function Checks({ legend, name, options, query, set }) {
  const step = useSteps(set);
  const chosen = listed(query[name]);
  const toggle = (value) => step({
    [name]: options.map(([one]) => one).filter((one) => chosen.includes(one) !== (one === value)).join(","),
  });
  return html`<fieldset><legend>${legend}</legend>${options.map(([value, text]) => html`
    <label class="check"><input type="checkbox" checked=${chosen.includes(value)} onChange=${() => toggle(value)} />${text}</label>`)}
  </fieldset>`;
}

function Radios({ legend, name, any, options, query, set }) {
  const step = useSteps(set);
  const chosen = query[name] ?? "";
  const known = !chosen || options.some(([value]) => value === chosen);
  return html`<fieldset><legend>${legend}</legend>
    ${[["", any], ...(known ? [] : [[chosen, chosen]]), ...options].map(([value, text]) => html`
      <${Radio} ...${{ name, value, text, chosen }} choose=${() => step({ [name]: value })} />`)}
  </fieldset>`;
}

const Radio = ({ name, value, text, chosen, choose }) => html`
  <label class="check"><input type="radio" name=${name} checked=${value === chosen} onChange=${choose} /><bdi>${text}</bdi></label>`;
