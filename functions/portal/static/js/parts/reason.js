// Why: a field of its own, since clients may say and staff must when they cancel.

import { html } from "../data/preact.js";
import { Field } from "./field.js";

const LONGEST = 1000;
const COUNTED = 800;

export function Reason({ value, onInput, staff, required = false }) {
  const left = LONGEST - value.length;
  const label = staff ? "Reason (shared with the people in it)" : "Reason (shared with your host)";
  return html`<${Field} label=${required ? label : `${label}, optional`} rows="3" maxlength=${LONGEST} required=${required}
    value=${value} onInput=${onInput} hint=${value.length >= COUNTED ? `${left} ${left === 1 ? "character" : "characters"} left` : null} />`;
}
