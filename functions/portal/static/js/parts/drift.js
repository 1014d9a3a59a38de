// What comparing with Cal.com found, and what is still in doubt.

import { table } from "../data/api.js";
import { portal } from "../data/config.js";
import { useLoad, usePages } from "../data/load.js";
import { html } from "../data/preact.js";
import { doubtEnded, doubtInWords, driftCause, driftDone, driftKind, resultInWords } from "../words/health.js";
import { When } from "./jobs.js";
import { LongText } from "./long_text.js";
import { PagedList } from "./paged_list.js";
import { Skeleton } from "./page.js";
import { Slow, Trouble } from "./trouble.js";

const RUNS = 5;
const PAGE = 10;

/** `last`: of the last comparison, `{at, error, result}` or null; `from`: an instant. */
export function Drift({ last, from, zone, now }) {
  const { data: runs, error, slow, reload } = useLoad((signal) => table("job_runs", (t) => t
    .select("id, finished_at, result").eq("job", "reconcile").eq("heartbeat", false).gte("started_at", from.toISOString())
    .neq("result->>differences", "[]").order("started_at", { ascending: false }).limit(RUNS), { signal }), from.toISOString(), { poll: true });
  return html`
    <section aria-labelledby="drift">
      <h2 id="drift">Drift</h2>
      ${last ? html`<p>Last compared with Cal.com <${When} at=${last.at} ...${{ zone, now }} />. ${resultInWords(last.result)}${last.result?.differences?.length ? "" : ", and found no difference"}.</p>` : html`<p>Nothing was compared with Cal.com yet.</p>`}
      <${Slow} slow=${slow} />
      <${Trouble} problem=${error} retry=${reload} />
      ${runs || error ? null : html`<${Skeleton} rows="1" />`}
      ${runs?.length === 0 ? html`<p class="muted">In these days we never differed from Cal.com.</p>` : null}
      ${runs?.map((run, place) => html`
        <details class="card" key=${run.id} open=${place === 0}>
          <summary>${run.result.differences.length} ${run.result.differences.length === 1 ? "difference" : "differences"}, <${When} at=${run.finished_at} ...${{ zone, now }} /></summary>
          <ul>${run.result.differences.map((one, n) => html`<${Difference} key=${n} one=${one} />`)}</ul>
        </details>`)}
    </section>`;
}

function Difference({ one }) {
  const { text, tone } = driftDone(one.done);
  const fields = Object.entries(one.fields ?? {});
  return html`
    <li class="item">
      <div class="row"><strong>${driftKind(one.kind)}</strong><span class=${`badge ${tone}`}>${text}</span>
        ${one.booking_id ? html`<a href=${portal(`/bookings/${one.booking_id}`)}>Booking</a>` : null}</div>
      <p>Because ${driftCause(one.cause)}.</p>
      ${fields.length ? html`<ul class="fields">${fields.map(([field, value]) => html`
        <li key=${field}><span class="muted">${field.replaceAll("_", " ")}:</span> ${differs(value)}</li>`)}</ul>` : null}
    </li>`;
}

function differs(value) {
  if (Array.isArray(value)) return html`<s>${shown(value[0])}</s> → ${shown(value[1])}`;
  if (value && typeof value === "object") return `${value.added} came, ${value.removed} went`;
  return "differs";
}

const shown = (value) => html`<bdi>${value == null ? "nothing" : typeof value === "object" ? JSON.stringify(value) : String(value)}</bdi>`;

/** `open`: how many there are. */
export function Doubts({ open, zone, now }) {
  const list = usePages(async (cursor, size, signal) => {
    const first = cursor ?? 0;
    const rows = await table("doubts", (t) => t.select("*").order("resolved_at", { ascending: false, nullsFirst: true })
      .order("look_at").order("id").range(first, first + size - 1), { signal });
    return rows.map((row, n) => ({ ...row, cursor: first + n + 1 }));
  }, "", PAGE, { poll: true });
  return html`
    <section aria-labelledby="doubts">
      <h2 id="doubts">Doubts</h2>
      <p>${open == null ? "" : open === 0 ? "Nothing is in doubt." : `${open} ${open === 1 ? "question is" : "questions are"} open.`}
        ${" "}Where webhooks cannot decide, Cal.com is asked by the next comparison.</p>
      <${PagedList} label="Doubts" list=${list} empty="There has been no doubt yet." row=${(doubt) => html`<${Doubt} key=${doubt.id} ...${{ doubt, zone, now }} />`} />
    </section>`;
}

function Doubt({ doubt, zone, now }) {
  return html`
    <li class="item">
      <div class="row"><strong>${doubtInWords(doubt.kind)}</strong><span class=${`badge ${doubt.resolved_at ? "off" : "wait"}`}>${doubt.resolved_at ? "Settled" : "Open"}</span>
        ${doubt.booking_id ? html`<a href=${portal(`/bookings/${doubt.booking_id}`)}>Booking</a>` : null}</div>
      ${doubt.detail ? html`<${LongText} text=${doubt.detail} />` : null}
      <p class="muted">${doubt.resolved_at
        ? html`${doubtEnded(doubt.outcome)}, <${When} at=${doubt.resolved_at} ...${{ zone, now }} />`
        : html`Looked at again <${When} at=${doubt.look_at} ...${{ zone, now }} />; so far ${doubt.tries} ${doubt.tries === 1 ? "time" : "times"}`}</p>
    </li>`;
}
