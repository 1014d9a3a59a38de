// Addresses and numbers of a client that nothing is sent to, for admins, who may lift that.

import { table } from "../data/api.js";
import { useAction } from "../data/load.js";
import { html, useState } from "../data/preact.js";
import { Problem } from "../data/problem.js";
import { AFTER_LIFTING, suppressionInWords } from "../words/suppression.js";
import { date, instant } from "../words/time.js";
import { announce } from "./announcer.js";
import { Dialog } from "./dialog.js";
import { Trouble } from "./trouble.js";

/** `rows`: of the table; `lifted`: called after one was taken away. */
export function Suppressions({ rows, zone, lifted }) {
  const [chosen, setChosen] = useState(null);
  return html`
    ${rows.map((row) => {
      const { why, lifting } = suppressionInWords(row);
      return html`
        <div class="trouble blocked" key=${`${row.channel} ${row.address}`}>
          <p><strong>${row.channel === "sms" ? "No texts" : "No e-mail"} to <bdi>${row.address}</bdi></strong>, since ${date(instant(row.created_at), zone)}. ${why}</p>
          ${lifting ? html`<button type="button" onClick=${() => setChosen(row)}>Lift …<span class="hidden"> what blocks ${row.address}</span></button>` : null}
        </div>`;
    })}
    ${chosen ? html`<${Lift} row=${chosen} close=${() => setChosen(null)} lifted=${lifted} />` : null}`;
}

function Lift({ row, close, lifted }) {
  const { why, lifting } = suppressionInWords(row);
  const what = row.channel === "sms" ? "texts" : "e-mail";
  const lift = useAction(async () => {
    const gone = await table("suppressions", (t) =>
      t.delete().eq("channel", row.channel).eq("address", row.address).eq("reason", row.reason).select("address"));
    // Somebody else was quicker, or it is blocked for another reason by now.
    if (!gone.length) throw new Problem("conflict");
    announce(`${row.address} may get ${what} again.`);
    close();
    lifted();
  });
  return html`
    <${Dialog} title=${`Allow ${what} to this ${row.channel === "sms" ? "number" : "address"} again?`} onClose=${close}>
      <p><strong><bdi>${row.address}</bdi></strong></p>
      <p>${why} ${lifting}</p>
      <p>${AFTER_LIFTING}</p>
      <${Trouble} problem=${lift.error} />
      <div class="actions">
        <button type="button" onClick=${close}>Keep it blocked</button>
        <button type="button" class="danger" disabled=${lift.running} onClick=${() => lift.run()}>${lift.running ? "Lifting …" : `Allow ${what} again`}</button>
      </div>
    <//>`;
}
