// The bookings of a batch, each with what will come of it, or came.

import { html } from "../../data/preact.js";
import { isDone, outcomeInWords } from "../../words/batch.js";
import { titleOf } from "../../words/booking.js";
import { clock, date, instant } from "../../words/time.js";

export function BatchRows({ ids, names, results, zone }) {
  return html`
    <div class="rows" tabindex="0" role="region" aria-label="Each booking">
      <table><thead class="hidden"><tr><th>Booking</th><th>Start</th><th>Result</th></tr></thead>
        <tbody>${ids.map((id) => html`<${Row} key=${id} ...${{ booking: names[id], result: results[id], zone }} />`)}</tbody></table>
    </div>`;
}

function Row({ booking, result, zone }) {
  const start = instant(booking?.starts_at);
  const told = (result?.tells ?? []).map(({ name }) => name);
  return html`
    <tr class=${result && !isDone(result) ? "failed" : ""}>
      <td><bdi class="clamp">${booking ? titleOf(booking) : "A booking that is not there"}</bdi></td>
      <td>${start ? html`<time datetime=${start.toISOString()}>${date(start, zone)}, ${clock(start, zone)}</time>` : "–"}</td>
      <td>${result ? html`${isDone(result) ? "" : "✕ "}${outcomeInWords(result)}${told.length ? html`; tells <bdi>${told.join(", ")}</bdi>` : ""}` : "Waits"}</td>
    </tr>`;
}
