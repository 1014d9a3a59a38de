// Replaying events: first what it would change and send, then doing just that.

import { call } from "../data/api.js";
import { portal } from "../data/config.js";
import { useAction, useLoad } from "../data/load.js";
import { html, useEffect, useRef, useState } from "../data/preact.js";
import { NOTIFY, fieldName, inOrder, outcomeInWords, valueInWords } from "../words/change.js";
import { count } from "../words/health.js";
import { channelName } from "../words/message.js";
import { instant, moment } from "../words/time.js";
import { announce } from "./announcer.js";
import { Dialog } from "./dialog.js";
import { Choice } from "./field.js";
import { LongText } from "./long_text.js";
import { Skeleton } from "./page.js";
import { Slow, Trouble } from "./trouble.js";

const ask = (ids, notify, dry_run, signal) => call("POST", "/replay", { body: { event_ids: ids, notify, dry_run }, signal });

/** `ids`: of webhook_events; `done`: called once something was replayed. */
export function Replay({ ids, zone, close, done }) {
  const [notify, setNotify] = useState(NOTIFY[0][0]);
  const preview = useLoad((signal) => ask(ids, notify, true, signal).then((answer) => ({ ...answer, notify })), `${notify} ${ids.join(" ")}`);
  const [result, setResult] = useState(null);
  const replay = useAction(async () => {
    const answer = await ask(ids, notify, false);
    setResult(answer);
    announce(`Replayed: ${count(answer.counts.applied ?? 0, "event")} changed something.`);
    done();
  });
  const look = preview.data;
  // What is done is what was shown, so nothing can be done before it is.
  const isShown = look?.notify === notify && !preview.loading;

  return html`
    <${Dialog} wide title=${result ? "Replayed" : ids.length === 1 ? "Replay this event?" : `Replay ${ids.length} events?`} onClose=${close} steady=${replay.running}>
      ${result ? html`<${Done} ...${{ result, zone, close }} />` : html`
        <p>The kept ${ids.length === 1 ? "body is" : "bodies are"} read again and applied like new. What is known already changes nothing.</p>
        <${Choice} label="Messages that follow" value=${notify} options=${NOTIFY} disabled=${replay.running} onChange=${setNotify} />
        <${Slow} slow=${preview.slow || replay.slow} />
        <${Trouble} problem=${preview.error} retry=${preview.reload} />
        <div aria-busy=${preview.loading ? "true" : "false"}>
          ${look ? html`<${Report} report=${look} zone=${zone} />` : preview.error ? null : html`<${Skeleton} rows="2" />`}
        </div>
        <${Trouble} problem=${replay.error} />
        <div class="actions">
          <button type="button" disabled=${replay.running} onClick=${close}>Leave it</button>
          <button type="button" class="primary" disabled=${!isShown || replay.running} onClick=${() => replay.run()}>
            ${replay.running ? "Replaying …" : !isShown ? "Looking …" : label(look)}</button>
        </div>`}
    <//>`;
}

function label(look) {
  const sent = look.messages.length;
  return sent ? `Replay and plan ${count(sent, "message")}` : "Replay";
}

function Done({ result, zone, close }) {
  const head = useRef(null);
  useEffect(() => head.current.focus(), []);
  return html`
    <p ref=${head} tabindex="-1"><strong>Done.</strong> ${result.messages.length ? "Messages leave with the next sweep, within a minute." : "Nothing is sent."}
      ${result.remaining ? ` ${count(result.remaining, "event")} could not be reached in time: choose them again.` : ""}</p>
    <${Report} report=${result} zone=${zone} />
    <div class="actions"><button type="button" class="primary" onClick=${close}>Close</button></div>`;
}

function Report({ report, zone }) {
  return html`
    <h3>${report.dry_run ? "What it would change" : "What it changed"}</h3>
    <ul>${report.events.map((event) => html`<${Event} key=${event.id} ...${{ event, zone }} />`)}</ul>
    <${Messages} title=${report.dry_run ? "What would be sent" : "What is sent"} rows=${report.messages} none="No message." />
    ${report.withdrawn.length ? html`<${Messages} title="No longer sent" rows=${report.withdrawn} />` : null}
    ${report.not_sent.length ? html`<${Messages} title="Not sent, and why" rows=${report.not_sent} />` : null}`;
}

function Event({ event, zone }) {
  const { text, tone } = outcomeInWords(event.outcome);
  return html`
    <li class="item">
      <div class="row"><strong><bdi>${event.trigger ?? "Unknown trigger"}</bdi></strong><span class=${`badge ${tone}`}>${text}</span></div>
      ${event.received_at ? html`<p class="muted">Came ${moment(instant(event.received_at), zone)}</p>` : null}
      ${event.error ? html`<${LongText} text=${event.error} tone="error" />` : null}
      ${event.bookings.map((booking, n) => html`<${Booking} key=${n} ...${{ booking, zone }} />`)}
    </li>`;
}

function Booking({ booking, zone }) {
  const { added, removed, changed } = booking.people;
  return html`
    <div class="change">
      <p><strong>${booking.is_new ? "A new booking: " : "Booking: "}${booking.id
        ? html`<a href=${portal(`/bookings/${booking.id}`)}><bdi>${booking.title ?? "without a title"}</bdi></a>`
        : html`<bdi>${booking.title ?? "without a title"}</bdi>`}</strong>, ${moment(instant(booking.starts_at), zone)}</p>
      <${Fields} ...${{ fields: booking.fields, isNew: booking.is_new, zone }} />
      ${added.map((person) => html`<p>+ <bdi>${nameOf(person)}</bdi> is in it</p>`)}
      ${removed.map((person) => html`<p>− <bdi>${nameOf(person)}</bdi> is not in it any more</p>`)}
      ${changed.map((person) => html`<p><bdi>${nameOf(person)}</bdi>:</p><${Fields} fields=${person.fields} zone=${zone} />`)}
    </div>`;
}

const nameOf = (person) => [person.name, person.email ?? person.phone].filter(Boolean).join(", ");

/** `fields`: name → [old, new]. Of what is new only what it is. */
function Fields({ fields, isNew, zone }) {
  const rows = inOrder(fields).filter(([, [, now]]) => !isNew || (now != null && now !== false && now !== 0));
  if (!rows.length) return null;
  return html`<dl class="diff">${rows.map(([field, [old, now]]) => html`
    <div key=${field}><dt>${fieldName(field)}</dt><dd>
      ${isNew ? null : html`<s><span class="hidden">was </span><bdi>${valueInWords(field, old, zone)}</bdi></s> <span aria-hidden="true">→</span> `}
      <${LongText} text=${valueInWords(field, now, zone)} /></dd></div>`)}</dl>`;
}

function Messages({ title, rows, none }) {
  return html`
    <h3>${title}</h3>
    ${rows.length ? html`<ul>${rows.map((message, n) => html`
      <li class="item" key=${n}><p>${message.says}</p>
        <p class="muted">${channelName(message.channel)} to <bdi>${message.name ? `${message.name}, ` : ""}${message.recipient}</bdi></p></li>`)}</ul>`
    : html`<p class="muted">${none}</p>`}`;
}
