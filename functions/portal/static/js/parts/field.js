// A labelled field, with what is wrong with it tied to it.

import { html, useRef } from "../data/preact.js";

let count = 0;

/** `error` and `hint` are sentences; other properties go to the input. `rows`: several lines. */
export function Field({ label, error, hint, rows, value, onInput, ...rest }) {
  const id = useRef(`field-${(count += 1)}`).current;
  const about = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  const shared = {
    id, value, "aria-describedby": about, "aria-invalid": error ? "true" : undefined,
    onInput: (event) => onInput(event.target.value), ...rest,
  };
  return html`
    <div class="field">
      <label for=${id}>${label}</label>
      ${rows ? html`<textarea rows=${rows} ...${shared}></textarea>` : html`<input ...${shared} />`}
      ${hint ? html`<small id=${`${id}-hint`}>${hint}</small>` : null}
      ${error ? html`<small class="error" id=${`${id}-error`}>${error}</small>` : null}
    </div>`;
}

/** `options`: `[value, text]` or `[value, text, disabled]`. */
export function Choice({ label, value, options, onChange, ...rest }) {
  const id = useRef(`field-${(count += 1)}`).current;
  return html`
    <div class="field">
      <label for=${id}>${label}</label>
      <select id=${id} value=${value} onChange=${(event) => onChange(event.target.value)} ...${rest}>
        ${options.map(([one, text, disabled]) => html`
          <option value=${one} selected=${one === value} disabled=${disabled}>${text}</option>`)}
      </select>
    </div>`;
}
