// All that happened and all that was or will be sent, newest first, in one list.

import { html, useState } from "../data/preact.js";
import { kindInWords, messageStatus } from "../words/message.js";
import { ago, instant, moment } from "../words/time.js";
import { actorOf, changesOf, eventInWords, iconOf } from "../words/timeline.js";
import { LongText } from "./long_text.js";

const FIRST = 30; // entries until one asks for more
const SHOWN = [["all", "All"], ["event", "Changes"], ["message", "Messages"]];

/**
 * `entries` as booking_timeline gives them; `only`: event | message, nothing else and no choice; `raw`: each can be
 * opened as it is stored; `act(entry)`: what staff may do with a message.
 */
export function Timeline({ entries, zone, now, only = null, raw = false, act = null }) {
  const [asked, setWhich] = useState("all");
  const which = only ?? asked;
  const [all, setAll] = useState(false);
  const chosen = entries.filter((entry) => which === "all" || entry.entry === which);
  const rows = all ? chosen : chosen.slice(0, FIRST);
  return html`
    ${only ? null : html`<fieldset class="chips"><legend class="hidden">Show in the timeline</legend>
      ${SHOWN.map(([key, text]) => html`<button type="button" class="chip" aria-pressed=${which === key ? "true" : "false"}
        onClick=${() => setWhich(key)}>${text}</button>`)}
    </fieldset>`}
    ${chosen.length === 0 ? html`<p class="muted">Nothing yet.</p>` : null}
    <ol class="timeline">
      ${rows.map((entry) => html`<${Entry} key=${`${entry.entry}${entry.id}`} ...${{ entry, zone, now, raw, act }} />`)}
    </ol>
    ${rows.length < chosen.length ? html`<button type="button" class="more" onClick=${() => setAll(true)}>Show all ${chosen.length}</button>` : null}`;
}

function Entry({ entry, zone, now, raw, act }) {
  const Sentence = entry.entry === "message" ? Message : Event;
  return html`
    <li class=${`entry ${entry.entry}`}>
      <span class="icon" aria-hidden="true">${iconOf(entry)}</span>
      <div>
        <${Sentence} entry=${entry} zone=${zone} />
        <${When} ...${{ entry, zone, now }} />
        ${act?.(entry)}
        ${raw ? html`<details><summary>As stored</summary><pre tabindex="0">${JSON.stringify(entry, null, 1)}</pre></details>` : null}
      </div>
    </li>`;
}

/** Messages that have left or will leave say when themselves; what is not sent is not "in two days". */
function When({ entry, zone, now }) {
  const at = instant(entry.at);
  const exact = moment(at, zone);
  const time = (text) => html`<time datetime=${at.toISOString()} title=${exact}>${text}</time>`;
  if (entry.status === "skipped") return html`<p class="muted">Was due ${time(exact)}</p>`;
  const said = ["planned", "sent", "delivered"].includes(entry.status);
  return html`<p class="muted">${time(ago(at, now))}${said ? null : ` · ${exact}`}</p>`;
}

function Event({ entry, zone }) {
  const { who, text } = eventInWords(entry);
  const actor = actorOf(entry);
  return html`
    <p><strong>${who ? html`<bdi>${who}</bdi> ` : null}${text}</strong>${actor ? html`<span class="muted"> · <bdi>${actor}</bdi></span>` : null}</p>
    ${entry.reason ? html`<${LongText} text=${`“${entry.reason}”`} />` : null}
    ${changesOf(entry, zone).map(([field, before, after]) => html`
      <p class="change"><span class="muted">${field}: </span><del><bdi>${before}</bdi></del> → <bdi>${after}</bdi></p>`)}`;
}

function Message({ entry }) {
  const { text, tone } = messageStatus(entry.status);
  return html`
    <p><strong>${kindInWords(entry)}</strong> to <bdi>${entry.attendee_name || entry.recipient}</bdi> <span class=${`badge ${tone}`}>${text}</span></p>
    <p>${entry.says}</p>`;
}
