// What has just happened, for eyes (a message at the edge of the page) and for ears (a live region).

import { html, useEffect, useState } from "../data/preact.js";

const SECONDS = 8;
let show = () => {};

/** Say it once. `tone`: good | bad. */
export function announce(text, tone = "good") {
  show({ text, tone, at: Date.now() });
}

export function Announcer() {
  const [said, setSaid] = useState(null);
  useEffect(() => {
    show = setSaid;
  }, []);
  useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(() => setSaid(null), SECONDS * 1000);
    return () => clearTimeout(timer);
  }, [said]);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${said ? html`<div class=${`toast ${said.tone}`} key=${said.at}>
      <span>${said.text}</span>
      <button class="quiet" aria-label="Close this message" onClick=${() => setSaid(null)}>✕</button>
    </div>` : null}
  </div>`;
}
