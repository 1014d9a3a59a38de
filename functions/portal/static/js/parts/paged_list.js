// A list that grows page by page, with what is shown while it loads, fails, or holds nothing.

import { html } from "../data/preact.js";
import { Skeleton } from "./page.js";
import { More, Slow, Trouble } from "./trouble.js";

/** `list`: as `usePages` gives it; `row`: a row's `<li>`; `empty`: a sentence. */
export function PagedList({ list, row, empty, label }) {
  return html`
    <div aria-busy=${list.loading ? "true" : "false"}>
      <${Slow} slow=${list.slow} />
      <${Trouble} problem=${list.error} retry=${list.reload} />
      ${!list.rows && list.loading ? html`<${Skeleton} rows="2" />` : null}
      ${list.rows?.length === 0 ? html`<p class="muted">${empty}</p>` : null}
      ${list.rows?.length ? html`<ul aria-label=${label}>${list.rows.map(row)}</ul>` : null}
      <${More} more=${list.more} />
    </div>`;
}
