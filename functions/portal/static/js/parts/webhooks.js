// What came in from Cal.com and could not be applied, with what it said; and all else that came, to look at.

import { table } from "../data/api.js";
import { portal } from "../data/config.js";
import { useLoad, usePages } from "../data/load.js";
import { html, useRef, useState } from "../data/preact.js";
import { OUTCOME } from "../words/health.js";
import { instant, moment } from "../words/time.js";
import { When } from "./jobs.js";
import { LongText } from "./long_text.js";
import { PagedList } from "./paged_list.js";
import { Replay } from "./replay.js";
import { Skeleton } from "./page.js";
import { Tabs } from "./tabs.js";
import { Trouble } from "./trouble.js";

const PAGE = 20;
const MOST = 50; // events that are replayed together
const TABS = [["failed", "Quarantined and failed"], ["all", "All that came"]];

/** `quarantined`: how many there are; `changed`: called after a replay. */
export function Webhooks({ quarantined, query, setQuery, zone, now, changed }) {
  const tab = query.webhooks === "all" ? "all" : "failed";
  const [chosen, setChosen] = useState([]);
  const [replaying, setReplaying] = useState(null); // ids
  const list = usePages(async (cursor, size, signal) => {
    const rows = await table("webhook_events", (t) => {
      const asked = t.select("id, trigger, received_at, outcome, error, booking_id").order("received_at", { ascending: false })
        .order("id", { ascending: false }).limit(size);
      const some = tab === "all" ? asked : asked.or("outcome.eq.quarantined,error.not.is.null");
      const [at, id] = cursor ?? [];
      return at ? some.or(`received_at.lt."${at}",and(received_at.eq."${at}",id.lt.${id})`) : some;
    }, { signal });
    return rows.map((row) => ({ ...row, cursor: [row.received_at, row.id] }));
  }, tab, PAGE, { poll: true });
  const choose = (id, on) => setChosen((old) => (on ? [...old, id].slice(0, MOST) : old.filter((one) => one !== id)));
  const done = () => {
    setChosen([]);
    list.reload();
    changed();
  };
  const head = useRef(null);
  const close = () => {
    setReplaying(null);
    // What was replayed may be gone from the list, and the button that had the focus with it.
    setTimeout(() => ["BODY", "MAIN"].includes(document.activeElement.tagName) && head.current?.focus());
  };
  return html`
    <section aria-labelledby="webhooks">
      <div class="heading"><h2 id="webhooks" ref=${head} tabindex="-1">Webhooks</h2>
        <button type="button" disabled=${!chosen.length} onClick=${() => setReplaying(chosen)}>
          ${chosen.length ? `Replay ${chosen.length} chosen …` : "Replay chosen …"}</button></div>
      <p>${quarantined ? `${quarantined} in quarantine: kept, not understood or not applied yet. The sweep tries them again by itself.` : quarantined === 0 ? "Nothing is in quarantine." : ""}</p>
      <${Tabs} label="Which webhooks" panel="webhook-list" tabs=${TABS} chosen=${tab} choose=${(key) => setQuery({ webhooks: key === "all" ? "all" : "" })} />
      <div class="card" id="webhook-list" role="tabpanel" aria-labelledby=${`tab-${tab}`}>
        <${PagedList} label="Webhooks" list=${list} empty=${tab === "all" ? "Nothing has come in yet." : "Every webhook could be applied."}
          row=${(event) => html`<${Event} key=${event.id} ...${{ event, zone, now }} chosen=${chosen.includes(event.id)}
            choose=${(on) => choose(event.id, on)} replay=${() => setReplaying([event.id])} />`} />
      </div>
      ${replaying ? html`<${Replay} ids=${replaying} zone=${zone} close=${close} done=${done} />` : null}
    </section>`;
}

function Event({ event, zone, now, chosen, choose, replay }) {
  const [text, tone] = OUTCOME[event.outcome] ?? [event.outcome, "off"];
  const name = `${event.trigger ?? "Unknown trigger"}, ${moment(instant(event.received_at), zone)}`;
  return html`
    <li class="item event">
      <input type="checkbox" aria-label=${`Choose ${name}`} checked=${chosen} onChange=${(change) => choose(change.target.checked)} />
      <div>
        <div class="row"><strong><bdi>${event.trigger ?? "Unknown trigger"}</bdi></strong><span class=${`badge ${tone}`}>${text}</span>
          <span class="muted"><${When} at=${event.received_at} ...${{ zone, now }} /></span>
          ${event.booking_id ? html`<a href=${portal(`/bookings/${event.booking_id}`)}>Booking</a>` : null}</div>
        ${event.error ? html`<${LongText} text=${event.error} tone="error" />` : null}
        <${Body} id=${event.id} name=${name} />
      </div>
      <button type="button" onClick=${replay}>Replay …<span class="hidden"> ${name}</span></button>
    </li>`;
}

/** The body is read when somebody wants to see it: it may be a mebibyte. */
function Body({ id, name }) {
  const [open, setOpen] = useState(false);
  return html`<details onToggle=${(event) => setOpen(event.currentTarget.open)}>
    <summary>Body<span class="hidden"> of ${name}</span></summary>
    ${open ? html`<${Json} id=${id} name=${name} />` : null}
  </details>`;
}

function Json({ id, name }) {
  const { data, error, reload } = useLoad((signal) => table("webhook_events", (t) => t.select("body").eq("id", id).single(), { signal }), id);
  if (error) return html`<${Trouble} problem=${error} retry=${reload} />`;
  if (!data) return html`<${Skeleton} rows="1" />`;
  if (data.body == null) return html`<p class="muted">The body is gone: it is older than 90 days.</p>`;
  return html`<pre class="json" tabindex="0" role="region" aria-label=${`Body of ${name}`} dir="ltr">${written(data.body)}</pre>`;
}

/** What was no JSON is kept as its text. Marks that turn the direction of text would turn what is around them and hide
 * what is there: they are written out. */
const written = (body) => (typeof body === "string" ? body : JSON.stringify(body, null, 2))
  .replace(/[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);
