// Moving: the free times of a week, the new time beside the old one, and the move.

import { freeTimes, move } from "../data/booking_page.js";
import { useAction, useDraft, useLoad } from "../data/load.js";
import { html, useState } from "../data/preact.js";
import { nameOf, titleOf } from "../words/booking.js";
import { addDays, clock, date, dayOf, instant, shortDate, span, startOfDay, zoneName } from "../words/time.js";
import { announce } from "./announcer.js";
import { Dialog } from "./dialog.js";
import { Choice } from "./field.js";
import { Reason } from "./reason.js";
import { Slow, Trouble } from "./trouble.js";

const AHEAD = 60; // days that are looked through for the next free time

/** `page` as `readBooking` gives it; `done(booking)` once it is moved: a seat is in another booking then. */
export function MoveDialog({ page, zone, close, done }) {
  const { booking, attendees, actions } = page;
  const staff = actions.part === "staff";
  const seats = staff ? attendees.filter((person) => person.role === "seat" && !person.removed_at) : [];
  const [attendeeId, setAttendeeId] = useState("");
  const [start, setStart] = useState(null);
  const [fresh, setFresh] = useState(0);
  const [reason, setReason, clear] = useDraft(`move ${booking.id}`);
  const action = useAction(async () => {
    let moved;
    try {
      moved = await move(booking.id, { start, attendeeId, reason, zone });
    } catch (problem) {
      if (problem.code === "slot_taken") {
        setStart(null);
        setFresh(fresh + 1);
      }
      throw problem;
    }
    clear();
    announce("Moved. Mails about it are on their way.");
    close();
    await done(moved.booking);
  });
  const submit = (event) => {
    event.preventDefault();
    if (start) action.run();
  };
  const oldPage = action.error?.more?.page;
  return html`
    <${Dialog} title="Move booking" onClose=${close} wide>
      <form onSubmit=${submit}>
        <p><strong><bdi>${titleOf(booking)}</bdi></strong></p>
        ${seats.length > 1 ? html`<${Choice} label="Whose seat" value=${attendeeId} onChange=${setAttendeeId}
          options=${[["", "The whole booking"], ...seats.map((person) => [person.id, nameOf(person)])]} />` : null}
        <${Week} key=${fresh} ...${{ booking, zone, start, setStart }} />
        <${Compare} ...${{ booking, start, zone }} />
        <${Reason} value=${reason} onInput=${setReason} />
        <${Slow} slow=${action.slow} />
        <${Trouble} problem=${action.error} />
        ${/^https?:/.test(oldPage ?? "") ? html`<p><a href=${oldPage} rel="noreferrer">Move it on Cal.com's own page</a></p>` : null}
        <div class="actions">
          <button type="button" onClick=${close}>Keep the old time</button>
          <button class="primary" disabled=${!start || action.running}>${action.running ? "Moving …" : start ? "Move booking" : "Choose a time"}</button>
        </div>
      </form>
    <//>`;
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
        ${theirs && theirs !== zone && zoneName(start, theirs).split("(")[1] !== zoneName(start, zone).split("(")[1]
          ? html`<p class="muted">${clock(start, theirs)} for your host, ${zoneName(start, theirs)}</p>` : null}` : null}
    </div>`;
}

function Week({ booking, zone, start, setStart }) {
  const today = dayOf(new Date(), zone);
  const first = dayOf(instant(booking.starts_at), zone);
  const [monday, setMonday] = useState(mondayOf(first > today ? first : today));
  const [jumped, setJumped] = useState(false);
  const days = Array.from({ length: 7 }, (_, place) => addDays(monday, place));
  const week = useLoad(async (signal) => {
    const from = startOfDay(monday, zone);
    return { monday, slots: await freeTimes(booking.id, { from, to: startOfDay(addDays(monday, 7), zone), zone }, signal) };
  }, `${monday} ${zone}`);
  const slots = week.data?.monday === monday ? week.data.slots : null;
  const free = slots ? days.filter((day) => slots[day]?.length) : [];
  const next = useAction(async () => {
    const from = startOfDay(addDays(monday, 7), zone);
    const found = Object.entries(await freeTimes(booking.id, { from, to: startOfDay(addDays(monday, 7 + AHEAD), zone), zone }));
    const day = found.filter(([, starts]) => starts.length).map(([one]) => one).sort()[0];
    if (day) setMonday(mondayOf(day));
    else setJumped(true);
  });
  const title = `${shortDate(startOfDay(days[0], zone), zone)} – ${shortDate(startOfDay(days[6], zone), zone)}`;
  return html`
    <section class="week" aria-label="Free times">
      <div class="row between">
        <button type="button" aria-label="The week before" disabled=${monday <= today} onClick=${() => setMonday(addDays(monday, -7))}>←</button>
        <strong aria-live="polite">${title}</strong>
        <button type="button" aria-label="The week after" onClick=${() => setMonday(addDays(monday, 7))}>→</button>
      </div>
      <p class="zone">Times in ${zoneName(startOfDay(days[0], zone), zone)}</p>
      <${Slow} slow=${week.slow} />
      <${Trouble} problem=${week.error} retry=${week.error?.passes ? week.reload : null} />
      ${week.loading && !slots ? html`<div class="skeleton" role="status" aria-label="Looking for free times"><i></i></div>` : null}
      ${slots && free.length === 0 ? html`<p>No free time in this week.
        ${jumped ? ` None in the next ${AHEAD} days either.` : html` <button type="button" class="link" disabled=${next.running} onClick=${next.run}>Next week with free times</button>`}</p>
        <${Trouble} problem=${next.error} />` : null}
      ${free.length ? html`<div class="days">${free.map((day) => html`<${Day} key=${day} ...${{ day, starts: slots[day], zone, start, setStart }} />`)}</div>` : null}
    </section>`;
}

/** A day's times as one group of radio buttons: arrow keys choose. */
function Day({ day, starts, zone, start, setStart }) {
  return html`
    <fieldset class="slots"><legend>${shortDate(startOfDay(day, zone), zone)}</legend>
      ${starts.map((at) => html`<label class="slot" key=${at.getTime()}>
        <input type="radio" name="slot" checked=${start?.getTime() === at.getTime()} onChange=${() => setStart(at)} />
        <span>${clock(at, zone)}</span></label>`)}
    </fieldset>`;
}

function mondayOf(day) {
  const weekday = new Date(`${day}T12:00:00Z`).getUTCDay(); // 0: Sunday
  return addDays(day, -((weekday + 6) % 7));
}
