// Bookings as a CSV file: those of the view, or the selected ones.

import { receiveCsv, save } from "../../data/download.js";
import { useAction } from "../../data/load.js";
import { html, useEffect, useRef, useState } from "../../data/preact.js";
import { bookingsInWords } from "../../words/batch.js";
import { zoneName } from "../../words/time.js";
import { announce } from "../announcer.js";
import { Dialog } from "../dialog.js";
import { Slow, Trouble } from "../trouble.js";

/** `what`: in words; `body`: `{filters}` or `{booking_ids}`; `expected`: how many rows will come, if that is known. */
export function CsvDialog({ what, body, expected, zone, now, close }) {
  const [bom, setBom] = useState(true);
  const [rows, setRows] = useState(0);
  const controller = useRef(null);
  useEffect(() => () => controller.current?.abort(), []);
  const load = useAction(async () => {
    controller.current = new AbortController();
    setRows(0);
    let last = 0;
    const file = await receiveCsv({ ...body(), bom, time_zone: zone }, (count) => setRows((last = count)), controller.current.signal)
      .catch((error) => {
        if (error.name !== "AbortError") throw error;
      });
    if (!file) return;
    save(file, `bookings-${now.toISOString().slice(0, 10)}.csv`);
    announce(`The file has ${bookingsInWords(last)}.`);
    close();
  });
  const submit = (event) => {
    event.preventDefault();
    load.run();
  };
  return html`
    <${Dialog} title="Export as CSV" onClose=${close}>
      <form onSubmit=${submit}>
        <p>${what}. Times are in UTC and in ${zoneName(now, zone)}.</p>
        <label class="check"><input type="checkbox" checked=${bom} disabled=${load.running} onChange=${() => setBom(!bom)} />
          For Excel (begins with a byte order mark)</label>
        <div role="status">${load.running ? html`<p>${bookingsInWords(rows)} received${expected ? ` of ${expected.toLocaleString("en")}` : ""} …</p>
          <progress max=${expected || undefined} value=${expected ? Math.min(rows, expected) : undefined} aria-label="Received"></progress>` : null}</div>
        ${rows ? null : html`<${Slow} slow=${load.slow} />`}
        <${Trouble} problem=${load.error} />
        <div class="actions">
          <button type="button" onClick=${load.running ? () => controller.current.abort() : close}>${load.running ? "Stop" : "Close"}</button>
          <button class="primary" disabled=${load.running}>${load.running ? "Receiving …" : "Export"}</button>
        </div>
      </form>
    <//>`;
}
