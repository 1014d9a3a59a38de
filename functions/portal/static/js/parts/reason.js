// Why: a field of its own, since clients may say and staff must.

import { html } from "../data/preact.js";
import { Field } from "./field.js";

const LONGEST = 1000;
const COUNTED = 800;

export function Reason({ value, onInput, required, label = "Reason (shared with your host)" }) {
  const left = LONGEST - value.length;
  return html`<${Field} label=${required ? "Reason (the people in it are told)" : `${label}, optional`} rows="3" maxlength=${LONGEST}
    required=${required} value=${value} onInput=${onInput} hint=${value.length >= COUNTED ? `${left} characters left` : null} />`;
}
