// What can be done to the selected bookings, at the bottom of the page.

import { matchingBookings } from "../../data/bookings_found.js";
import { useAction } from "../../data/load.js";
import { html } from "../../data/preact.js";
import { bookingsInWords } from "../../words/batch.js";
import { countInWords } from "../../words/filters.js";
import { announce } from "../announcer.js";
import { Trouble } from "../trouble.js";

export const MOST = 1000; // bookings in one batch, and in one file of a selection

/** `chosen`: ids; `filters()`: of the list as it is now; `count`: of the whole list; `act(kind)`: cancel | resend | export. */
export function BulkBar({ chosen, filters, count, choose, act }) {
  const all = useAction(async () => {
    const { ids, more } = await matchingBookings(filters(), MOST);
    choose(ids);
    announce(more ? `The first ${bookingsInWords(ids.length)} are selected.` : `${bookingsInWords(ids.length)} selected.`);
  });
  if (!chosen.size) return null;
  const isMore = count && (count.more || count.count > chosen.size);
  const whole = count?.more || count?.count > MOST ? `the first ${MOST.toLocaleString("en")} of ${countInWords(count)}` : `all ${count?.count.toLocaleString("en")} matching`;
  return html`
    <section class="bulk" aria-label="Selected bookings">
      <p aria-live="polite"><strong>${chosen.size.toLocaleString("en")} selected</strong>${" · "}
        ${isMore && chosen.size < MOST ? html`<button type="button" class="link" disabled=${all.running} onClick=${all.run}>
          ${all.running ? "Selecting …" : `Select ${whole}`}</button>${" · "}` : null}
        <button type="button" class="link" onClick=${() => choose([])}>Clear<span class="hidden"> the selection</span></button></p>
      <div class="row">
        <button type="button" onClick=${() => act("export")}>Export</button>
        <button type="button" onClick=${() => act("resend")}>Resend confirmation</button>
        <button type="button" class="danger" onClick=${() => act("cancel")}>Cancel bookings</button>
      </div>
      <${Trouble} problem=${all.error} retry=${all.run} />
    </section>`;
}

/** A batch of this tab that was cut, or stopped: it can go on. */
export function UnfinishedBatch({ waiting, of, open }) {
  return html`
    <section class="bulk" aria-label="Unfinished">
      <p><strong>${waiting ? `${waiting} of ${bookingsInWords(of)} still wait.` : `${bookingsInWords(of)} done.`}</strong>
        ${waiting ? " What was begun here was interrupted." : ""}</p>
      <div class="row"><button type="button" class="primary" onClick=${open}>${waiting ? "Go on" : "See the results"}</button></div>
    </section>`;
}
