// The bookings of a batch, each with what will come of it, or came.

import { html } from "../../data/preact.js";
import { isDone, outcomeInWords } from "../../words/batch.js";
import { titleOf } from "../../words/booking.js";
import { clock, date, instant } from "../../words/time.js";

export function BatchRows({ ids, names, results, zone }) {
  return html`
    <div class="rows" tabindex="0" role="region" aria-label="Each booking">
      <ul>${ids.map((id) => html`<${Row} key=${id} ...${{ booking: names[id], result: results[id], zone }} />`)}</ul>
    </div>`;
}

function Row({ booking, result, zone }) {
  const start = instant(booking?.starts_at);
  const told = (result?.tells ?? []).map(({ name }) => name);
  const failed = result && !isDone(result);
  return html`
    <li class=${failed ? "failed" : ""}>
      <bdi class="clamp">${booking ? titleOf(booking) : "A booking that is not there"}</bdi>
      ${start ? html`<time class="muted" datetime=${start.toISOString()}>${date(start, zone)}, ${clock(start, zone)}</time>` : null}
      <span class="result">${result ? `${failed ? "✕ " : ""}${outcomeInWords(result)}` : "Waits"}${told.length
        ? html`; tells <bdi>${told.join(", ")}</bdi>` : null}</span>
    </li>`;
}
