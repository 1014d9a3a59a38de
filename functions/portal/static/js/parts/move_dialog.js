// Moving: a free time, the new time beside the old one, and the move.

import { move } from "../data/booking_page.js";
import { useAction, useDraft } from "../data/load.js";
import { html, useEffect, useRef, useState } from "../data/preact.js";
import { nameOf, titleOf } from "../words/booking.js";
import { endsTrying } from "../words/problems.js";
import { clock, date, instant, offset, span, zoneName } from "../words/time.js";
import { announce } from "./announcer.js";
import { Dialog } from "./dialog.js";
import { Choice } from "./field.js";
import { FreeTimes } from "./free_times.js";
import { Reason } from "./reason.js";
import { Slow, Trouble } from "./trouble.js";

/** `page` as `readBooking` gives it; `done(booking)` once it is moved (a seat is in another booking then), `done()` if it turns out to have changed. */
export function MoveDialog({ page, zone, close, done }) {
  const { booking, attendees, actions } = page;
  const staff = actions?.part === "staff";
  const seats = staff ? attendees.filter((person) => person.role === "seat" && !person.removed_at) : [];
  const [attendeeId, setAttendeeId] = useState("");
  const [start, setStart] = useState(null);
  const [turn, setTurn] = useState(0); // of asking for free times
  const [reason, setReason, clear] = useDraft(`move ${booking.id}`);
  const action = useAction(async () => {
    let moved;
    try {
      moved = await move(booking.id, { start, attendeeId, reason, zone });
    } catch (problem) {
      if (problem.code === "slot_taken") {
        setStart(null);
        setTurn(turn + 1);
      }
      if (endsTrying(problem)) done();
      throw problem;
    }
    clear();
    announce("Moved. Mails about it are on their way.");
    close();
    await done(moved.booking);
  });
  const choose = (at) => {
    if (!action.running) setStart(at);
    if (action.error?.code === "slot_taken") action.clear();
  };
  const submit = (event) => {
    event.preventDefault();
    if (start) action.run();
  };
  const over = endsTrying(action.error);
  const back = useRef(null);
  useEffect(() => {
    if (over) back.current.focus(); // the other button has gone
  }, [over]);
  return html`
    <${Dialog} title="Move booking" onClose=${close} steady=${action.running} wide>
      <form onSubmit=${submit}>
        <p><strong class="clamp"><bdi>${titleOf(booking)}</bdi></strong></p>
        ${seats.length > 1 ? html`<${Choice} label="Whose seat" value=${attendeeId} onChange=${setAttendeeId}
          options=${[["", "The whole booking"], ...seats.map((person) => [person.id, nameOf(person)])]} />` : null}
        ${over ? null : html`<${FreeTimes} ...${{ booking, zone, start, choose, turn, wayOut }} />`}
        <${Compare} ...${{ booking, start, zone }} />
        <${Reason} value=${reason} onInput=${setReason} staff=${staff} />
        <${Slow} slow=${action.slow} />
        <${Trouble} problem=${action.error} />
        ${wayOut(action.error)}
        <div class="actions">
          <button type="button" ref=${back} aria-disabled=${action.running} onClick=${() => action.running || close()}>${over ? "Back to the booking" : "Keep the old time"}</button>
          ${over ? null : html`<button class="primary" disabled=${!start} aria-disabled=${action.running}>${action.running ? "Moving …" : start ? "Move booking" : "Choose a time"}</button>`}
        </div>
      </form>
    <//>`;
}

/** What only Cal.com's own page can do. */
function wayOut(problem) {
  const page = problem?.more?.page ?? "";
  return /^https?:/.test(page) ? html`<p><a href=${page} rel="noreferrer">Move it on Cal.com's own page</a></p>` : null;
}

function Compare({ booking, start, zone }) {
  const old = instant(booking.starts_at);
  const length = instant(booking.ends_at) - old;
  const line = (at) => `${date(at, zone)}, ${span(at, new Date(at.getTime() + length), zone)}, ${zoneName(at, zone)}`;
  const theirs = booking.host_time_zone;
  return html`
    <div class="compare" aria-live="polite">
      <p><span class="hidden">Old time: </span>${start ? html`<del>${line(old)}</del>` : html`Now: ${line(old)}`}</p>
      ${start ? html`<p><span class="hidden">New time: </span><strong>${line(start)}</strong></p>
        ${theirs && offset(start, theirs) !== offset(start, zone)
          ? html`<p class="muted">${date(start, theirs)}, ${clock(start, theirs)} for your host, ${zoneName(start, theirs)}</p>` : null}` : null}
    </div>`;
}
