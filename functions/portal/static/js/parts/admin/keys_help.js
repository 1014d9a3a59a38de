// The keys of the page. Each does what something visible does, too.

import { html } from "../../data/preact.js";
import { Dialog } from "../dialog.js";

const KEYS = [
  ["/", "Go to the search"],
  ["j", "Next booking (also ↓)"],
  ["k", "Booking before (also ↑)"],
  ["Enter", "Open the booking"],
  ["Space", "Select it, on its checkbox"],
  ["Esc", "Close the booking, back to its row"],
  ["?", "Show these keys"],
];

export function KeysHelp({ close }) {
  return html`
    <${Dialog} title="Keys" onClose=${close}>
      <dl class="keys">${KEYS.map(([key, does]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}</dl>
      <p class="muted">They rest while you type.</p>
    <//>`;
}
