// A section of the preferences whose changes are saved at once, and a switch.

import { html } from "../data/preact.js";
import { Trouble } from "./trouble.js";

/** `fields`: whose saving it tells of; `saving`: `useWishes()`. */
export function Section({ title, fields, saving, children }) {
  const has = (names) => fields.some((name) => names.includes(name));
  const state = has(Object.keys(saving.unsaved)) ? "Saving …" : has(saving.saved) ? "Saved ✓" : "";
  const refused = saving.refused && has(saving.refused.fields) ? saving.refused : null;
  return html`
    <section class="card wishes">
      <div class="head"><h2>${title}</h2><span class="saved" role="status">${state}</span></div>
      ${refused ? html`<${Trouble} problem=${refused.problem} retry=${refused.again} />
        <p class="muted">It stays as it was until then.</p>` : null}
      ${children}
    </section>`;
}

/** `label`: read out, not shown. */
export function Switch({ label, on, onChange, ...rest }) {
  return html`<input type="checkbox" role="switch" class="switch" aria-label=${label} checked=${on}
    onChange=${(event) => {
      // What is shown is what is known; a change shows when it is on its way.
      event.target.checked = on;
      onChange(!on);
    }} ...${rest} />`;
}
