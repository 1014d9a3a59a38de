// What failed, and what to do about it.

import { html } from "../data/preact.js";
import { inWords } from "../words/problems.js";

/** `retry`: what the button does; without it there is none. */
export function Trouble({ problem, retry }) {
  if (!problem) return null;
  const { what, advice } = inWords(problem);
  return html`
    <div class="trouble" role="alert">
      <p><strong>${what}</strong> ${advice}</p>
      ${retry ? html`<button type="button" onClick=${retry}>Try again</button>` : null}
    </div>`;
}

/** Shown while something takes longer than usual. */
export function Slow({ slow }) {
  return html`<p class="slow" role="status">${slow ? "This takes longer than usual …" : ""}</p>`;
}

/** The button for the next rows of a list: `more` as `usePages` gives it. */
export function More({ more }) {
  if (!more) return null;
  return html`
    <${Trouble} problem=${more.error} />
    <button class="more" type="button" disabled=${more.running} onClick=${more.run}>${more.running ? "Loading …" : "Show more"}</button>`;
}
