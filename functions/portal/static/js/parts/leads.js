// How long before a booking somebody is reminded: chips to switch on and off, and times of one's own.

import { useDraft } from "../data/load.js";
import { html, useRef, useState } from "../data/preact.js";
import { LEADS, MOST, UNITS, typedLead } from "../words/reminders.js";
import { minutes } from "../words/time.js";
import { Choice, Field } from "./field.js";

export function Leads({ leads, onChange }) {
  const offered = useRef(new Set(LEADS)).current; // what was taken away can be chosen again
  leads.forEach((lead) => offered.add(lead));
  const isFull = leads.length >= MOST;
  const toggle = (lead) => onChange(leads.includes(lead) ? leads.filter((one) => one !== lead) : [...leads, lead].sort((a, b) => b - a));
  const chip = (lead) => {
    const on = leads.includes(lead);
    return html`
      <label class="chip" key=${lead}><input type="checkbox" checked=${on} disabled=${isFull && !on} onChange=${(event) => {
        event.target.checked = on; // shown once it is on its way
        toggle(lead);
      }} />${minutes(lead)}</label>`;
  };
  return html`
    <fieldset><legend>How long before the booking</legend>
      <div class="chips">${[...offered].sort((a, b) => a - b).map(chip)}</div>
    </fieldset>
    ${leads.length ? null : html`<p class="notice">None is chosen: no reminders come by e-mail.</p>`}
    ${isFull ? html`<p class="muted">${MOST} are the most. Take one away to choose another.</p>` : html`<${Other} leads=${leads} add=${toggle} />`}`;
}

function Other({ leads, add }) {
  const [text, setText, clear] = useDraft("lead");
  const [open, setOpen] = useState(Boolean(text));
  const [unit, setUnit] = useState("60");
  const [error, setError] = useState("");
  const submit = (event) => {
    event.preventDefault();
    const typed = typedLead(text, Number(unit), leads);
    setError(typed.error);
    if (typed.error) return;
    clear();
    setOpen(false);
    add(typed.lead);
  };
  return html`
    <button type="button" class="link" aria-expanded=${open ? "true" : "false"} onClick=${() => setOpen(!open)}>Another time</button>
    ${open ? html`<form class="other" onSubmit=${submit} noValidate>
      <${Field} label="Time before" inputmode="decimal" maxlength="6" value=${text} onInput=${setText} error=${error} />
      <${Choice} label="In" value=${unit} onChange=${setUnit} options=${UNITS.map(([size, name]) => [String(size), name])} />
      <button class="primary">Add</button>
    </form>` : null}`;
}
