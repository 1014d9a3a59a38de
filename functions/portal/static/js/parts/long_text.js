// What somebody wrote, which may be long: its beginning, and all of it for who wants to read on.

import { html, useState } from "../data/preact.js";

const SHOWN = 400; // characters

export function LongText({ text, tone = "" }) {
  const [open, setOpen] = useState(false);
  const letters = [...text];
  const isLong = letters.length > SHOWN * 1.25;
  return html`
    <p class=${`written ${tone}`}><bdi>${isLong && !open ? `${letters.slice(0, SHOWN).join("")} …` : text}</bdi></p>
    ${isLong ? html`<button class="link" type="button" aria-expanded=${open ? "true" : "false"} onClick=${() => setOpen(!open)}>${open ? "Show less" : "Show all"}</button>` : null}`;
}
