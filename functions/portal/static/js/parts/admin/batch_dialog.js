// A batch under way: how far it is, what came of each row, and how it goes on after a stop or a cut.

import { waitingIn } from "../../data/batch.js";
import { save } from "../../data/download.js";
import { html, useEffect } from "../../data/preact.js";
import { KINDS, isDone, outcomeInWords } from "../../words/batch.js";
import { titleOf } from "../../words/booking.js";
import { csvOf } from "../../words/csv.js";
import { announce } from "../announcer.js";
import { Dialog } from "../dialog.js";
import { Trouble } from "../trouble.js";
import { BatchRows } from "./batch_rows.js";

/** `work`: what `useBatch` gives; `close` leaves it for later; `end` is called once it is over. */
export function BatchDialog({ work, zone, close, end }) {
  const { batch, running, stopping } = work;
  const words = KINDS[batch.kind];
  const waiting = waitingIn(batch);
  const failed = batch.ids.filter((id) => batch.results[id] && !isDone(batch.results[id]));
  const done = batch.ids.length - waiting.length;
  const isOver = !waiting.length && !running;
  const sum = `${words.done(done - failed.length)}${failed.length ? `, ${failed.length} failed` : ""}.`;
  useEffect(() => {
    if (isOver) announce(sum, failed.length ? "bad" : "good");
  }, [isOver]);

  return html`
    <${Dialog} title=${isOver ? "Done" : words.go(batch.ids.length)} onClose=${isOver ? end : close} steady=${running} wide>
      <p role="status">${isOver ? sum : `${done} of ${batch.ids.length} done${failed.length ? `, ${failed.length} failed` : ""}${stopping ? "; stopping after these …" : running ? " …" : "; the others wait."}`}</p>
      <progress max=${batch.ids.length} value=${done} aria-label="How far it is"></progress>
      <${Trouble} problem=${work.error} />
      <${BatchRows} ids=${[...failed, ...waiting, ...batch.ids.filter((id) => batch.results[id] && isDone(batch.results[id]))]}
        names=${batch.names} results=${batch.results} zone=${zone} />
      <div class="actions">
        ${failed.length && !running ? html`<button type="button" onClick=${() => saveFailures(batch, failed)}>Failures as CSV</button>
          <button type="button" onClick=${() => work.again(failed)}>Try again (${failed.length})</button>` : null}
        ${running ? html`<button type="button" disabled=${stopping} onClick=${work.stop}>${stopping ? "Stopping …" : "Stop"}</button>`
          : waiting.length ? html`<button type="button" onClick=${end}>Leave the others as they are</button>
              <button type="button" class=${words.tone} onClick=${work.go}>Go on with ${waiting.length}</button>`
          : html`<button type="button" class="primary" onClick=${end}>Close</button>`}
      </div>
    <//>`;
}

function saveFailures(batch, failed) {
  const rows = failed.map((id) => {
    const booking = batch.names[id];
    return [id, booking ? titleOf(booking) : "", booking?.starts_at, batch.results[id].error, outcomeInWords(batch.results[id])];
  });
  const text = csvOf([["booking_id", "title", "starts_at_utc", "error", "what_happened"], ...rows]);
  save(new Blob([text], { type: "text/csv" }), "failures.csv");
}
