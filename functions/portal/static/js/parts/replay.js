import { html } from "../data/preact.js";
import { Dialog } from "./dialog.js";
export function Replay({ close }) {
  return html`<${Dialog} title="Replay" onClose=${close}><p>…</p><//>`;
}
