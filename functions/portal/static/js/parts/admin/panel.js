import { html } from "../../data/preact.js";
export function Panel({ id, close }) { return html`<dialog class="panel" open><p>${id}</p><button onClick=${close}>Close</button></dialog>`; }
