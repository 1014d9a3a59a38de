// Before a batch: what it will change and whom it will tell, and how sure one is. The list is frozen here.

import { preview } from "../../data/batch.js";
import { useAction, useDraft } from "../../data/load.js";
import { html, useEffect, useRef, useState } from "../../data/preact.js";
import { KINDS, bookingsInWords, isDone, tellsInWords } from "../../words/batch.js";
import { isConfirmable } from "../../words/filters.js";
import { Dialog } from "../dialog.js";
import { Field } from "../field.js";
import { Reason } from "../reason.js";
import { Trouble } from "../trouble.js";
import { BatchRows } from "./batch_rows.js";

const SURE = 25; // bookings, above which one types how many they are

/** `begin({id, kind, reason, ids, names})` starts what was seen here. */
export function BulkDialog({ kind, ids, zone, begin, close }) {
  const words = KINDS[kind];
  const [seen, setSeen] = useState({ names: {}, rows: {}, count: 0 });
  const [reason, setReason, forget] = useDraft("bulk-reason");
  const [typed, setTyped] = useState("");
  const batchId = useRef(crypto.randomUUID()).current;
  const look = useLook({ id: batchId, kind, ids }, setSeen);

  const isSeen = seen.count === ids.length;
  const concerned = ids.filter((id) => seen.rows[id] && isGoing(seen.rows[id]));
  const others = ids.filter((id) => seen.rows[id] && !isGoing(seen.rows[id]));
  const needsNumber = concerned.length > SURE;
  const isSure = !needsNumber || typed.replace(/\D/g, "") === String(concerned.length);
  const isReady = isSeen && concerned.length && isSure && (kind !== "cancel" || reason.trim());
  const submit = (event) => {
    event.preventDefault();
    if (!isReady) return;
    forget();
    begin({ id: batchId, kind, reason: reason.trim(), ids: concerned, names: seen.names });
  };

  return html`
    <${Dialog} title=${words.title(ids.length)} onClose=${close} wide>
      <form onSubmit=${submit}>
        <div aria-live="polite">
          ${isSeen ? html`<p><strong>${words.will(concerned.length)}</strong>
              ${concerned.length && kind === "cancel" ? ` ${tellsInWords(Object.values(seen.rows))}` : ""}
              ${others.length ? ` ${bookingsInWords(others.length)} ${others.length === 1 ? "stays as it is" : "stay as they are"}.` : ""}</p>`
            : html`<p>Looking at what would change: ${seen.count} of ${bookingsInWords(ids.length)} …</p>`}
        </div>
        <${Trouble} problem=${look.error} retry=${look.run} />
        <${BatchRows} ids=${[...others, ...concerned]} names=${seen.names} results=${seen.rows} zone=${zone} />
        ${kind === "cancel" ? html`<${Reason} value=${reason} onInput=${setReason} staff required />` : null}
        ${isSeen && needsNumber ? html`<${Field} label=${`Type ${concerned.length} to go on`} inputmode="numeric" autocomplete="off" value=${typed} onInput=${setTyped}
          error=${typed && !isSure && typed.length >= String(concerned.length).length ? `That is not ${concerned.length}.` : null} />` : null}
        <div class="actions">
          <button type="button" autofocus onClick=${close}>${words.keep}</button>
          <button class=${words.tone} disabled=${!isReady}>${isSeen ? words.go(concerned.length) : "Looking …"}</button>
        </div>
      </form>
    <//>`;
}

/** Look at all of them once; again from the beginning if that failed. */
function useLook(batch, setSeen) {
  const controller = useRef(null);
  const look = useAction(async () => {
    controller.current = new AbortController();
    setSeen({ names: {}, rows: {}, count: 0 });
    const now = new Date();
    await preview(batch, ({ names, rows, ids }) => {
      const found = rows ?? ids.map((id) => whetherConfirmable(id, names[id], now));
      setSeen((old) => ({
        names: { ...old.names, ...names },
        rows: { ...old.rows, ...Object.fromEntries(found.map((row) => [row.booking_id, row])) },
        count: old.count + ids.length,
      }));
    }, controller.current.signal);
  });
  useEffect(() => {
    look.run();
    return () => controller.current.abort();
  }, []);
  return look;
}

const isGoing = (row) => isDone(row) && row.outcome.startsWith("would_");

const whetherConfirmable = (id, booking, now) => (booking && isConfirmable(booking, now)
  ? { booking_id: id, outcome: "would_resend" }
  : { booking_id: id, outcome: "failed", error: booking ? "not_confirmable" : "not_found" });
