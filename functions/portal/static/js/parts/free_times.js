// The free times of a booking, week by week, to choose one from.

import { freeTimes } from "../data/booking_page.js";
import { useAction, useLoad } from "../data/load.js";
import { html, useState } from "../data/preact.js";
import { addDays, clock, dateBlock, dayOf, instant, mondayOf, offset, shortDate, startOfDay, zoneName } from "../words/time.js";
import { Slow, Trouble } from "./trouble.js";

const AHEAD = 60; // days that are looked through for the next free time

/** `start`: the chosen one (Date) or null; `turn`: another number asks again; `wayOut(problem)`: what else one can do. */
export function FreeTimes({ booking, zone, start, choose, turn, wayOut }) {
  const today = dayOf(new Date(), zone);
  const first = dayOf(instant(booking.starts_at), zone);
  const [chosen, setMonday] = useState(first > today ? first : today);
  const monday = mondayOf(chosen);
  const [none, setNone] = useState(null); // the week after which nothing was found
  const days = Array.from({ length: 7 }, (_, place) => addDays(monday, place));
  const key = `${monday} ${zone} ${turn}`;
  const from = (day) => startOfDay(day, zone);
  const week = useLoad(async (signal) => ({
    key, slots: await freeTimes(booking.id, { from: from(monday), to: from(addDays(monday, 7)), zone }, signal),
  }), key);
  const slots = week.data?.key === key ? week.data.slots : null;
  const free = slots ? days.filter((day) => slots[day]?.length) : [];
  const next = useAction(async () => {
    const after = addDays(monday, 7);
    const found = await freeTimes(booking.id, { from: from(after), to: from(addDays(after, AHEAD)), zone });
    const day = Object.keys(found).filter((one) => found[one].length).sort()[0];
    if (day) setMonday(day);
    else setNone(monday);
  });
  return html`
    <section class="week" aria-label="Free times">
      <div class="row between">
        <button type="button" aria-label="The week before" disabled=${monday <= today} onClick=${() => setMonday(addDays(monday, -7))}>←</button>
        <strong aria-live="polite">${shortDate(from(days[0]), zone)} – ${shortDate(from(days[6]), zone)}</strong>
        <button type="button" aria-label="The week after" onClick=${() => setMonday(addDays(monday, 7))}>→</button>
      </div>
      <p class="zone">Times in ${zonesOf(from(monday), from(addDays(monday, 7)), zone)}</p>
      <${Slow} slow=${week.slow} />
      <${Trouble} problem=${week.error} retry=${week.error?.passes ? week.reload : null} />
      ${wayOut(week.error)}
      ${week.loading && !slots ? html`<div class="skeleton" role="status" aria-label="Looking for free times"><i></i></div>` : null}
      ${slots && free.length === 0 ? html`<p>No free time in this week.
        ${none === monday ? ` None in the ${AHEAD} days after it either.`
          : html` <button type="button" class="link" aria-disabled=${next.running} onClick=${next.run}>${next.running ? "Looking …" : "Next week with free times"}</button>`}</p>
        <${Slow} slow=${next.slow} /><${Trouble} problem=${next.error} />` : null}
      ${free.length ? html`<div class="days">${days.map((day) => html`<${Day} key=${day} ...${{ booking, day, starts: slots[day] ?? [], zone, start, choose }} />`)}</div>` : null}
    </section>`;
}

/** A day's times; those of all days are one group of radio buttons: arrow keys go through them. */
function Day({ booking, day, starts, zone, start, choose }) {
  const now = booking.reschedule_requested ? null : instant(booking.starts_at).getTime();
  const twice = (at) => starts.filter((one) => clock(one, zone) === clock(at, zone)).length > 1; // clocks went back
  const { weekday, day: number, month } = dateBlock(startOfDay(day, zone), zone);
  return html`
    <fieldset class=${starts.length ? "slots" : "slots none"}><legend>${weekday}<br />${number} ${month}</legend>
      ${starts.length ? null : html`<p class="muted">none</p>`}
      ${starts.map((at) => html`<label class="slot" key=${at.getTime()}>
        <input type="radio" name="slot" checked=${start?.getTime() === at.getTime()} disabled=${at.getTime() === now} onChange=${() => choose(at)} />
        <span>${clock(at, zone)}${twice(at) ? ` ${offset(at, zone)}` : ""}${at.getTime() === now ? " (now)" : ""}</span></label>`)}
    </fieldset>`;
}

/** The zone, with both of its offsets in a week in which clocks change. */
function zonesOf(first, after, zone) {
  const [before, then] = [offset(first, zone), offset(after, zone)];
  return before === then ? zoneName(first, zone) : `${zoneName(first, zone)}, from the change of clocks on ${then}`;
}
