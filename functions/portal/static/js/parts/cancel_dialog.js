// Cancelling: what ends, who is told, and why.

import { cancel } from "../data/booking_page.js";
import { useAction, useDraft } from "../data/load.js";
import { html, useEffect, useRef, useState } from "../data/preact.js";
import { nameOf, titleOf } from "../words/booking.js";
import { endsTrying } from "../words/problems.js";
import { date, instant, span, zoneName } from "../words/time.js";
import { announce } from "./announcer.js";
import { Dialog } from "./dialog.js";
import { Reason } from "./reason.js";
import { Slow, Trouble } from "./trouble.js";

const WORDS = {
  booking: {
    title: "Cancel booking?", told: "You, your guests and your host are told.", keep: "Keep booking", end: "Cancel booking",
    done: "Cancelled. Mails about it are on their way.",
  },
  seat: {
    title: "Give up your seat?", told: "Only your seat is given up. You and your host are told.", keep: "Keep my seat",
    end: "Give up my seat", done: "Your seat is given up. A mail about it is on its way.",
  },
};
const BY_STAFF = {
  booking: { ...WORDS.booking, told: "Everybody in it is told." },
  seat: {
    title: "Cancel this seat?", told: "Only this seat is given up. Its owner is told.", keep: "Keep the seat",
    end: "Cancel the seat", done: "The seat is given up. A mail about it is on its way.",
  },
};

/** `page` as `readBooking` gives it; `done` once it is cancelled, or turns out to have changed. */
export function CancelDialog({ page, zone, close, done }) {
  const { booking, attendees, actions } = page;
  const staff = actions?.part === "staff";
  const seats = attendees.filter((person) => person.role === "seat" && !person.removed_at);
  const [scope, setScope] = useState("this");
  const [attendeeId, setAttendeeId] = useState(null);
  const [reason, setReason, clear] = useDraft(`cancel ${booking.id}`);
  const start = instant(booking.starts_at);
  const whole = !attendeeId && actions?.part !== "seat";
  const words = (staff ? BY_STAFF : WORDS)[whole ? "booking" : "seat"];

  const action = useAction(async () => {
    try {
      await cancel(booking.id, { scope: whole ? scope : "this", attendeeId, reason });
    } catch (problem) {
      if (endsTrying(problem)) done();
      throw problem;
    }
    clear();
    announce(words.done);
    close();
    await done();
  });
  const over = endsTrying(action.error);
  const keep = useRef(null);
  useEffect(() => keep.current.focus(), [over]); // also where the other button has gone
  const submit = (event) => {
    event.preventDefault();
    action.run();
  };
  return html`
    <${Dialog} title=${words.title} onClose=${close} steady=${action.running}>
      <form onSubmit=${submit}>
        <p><strong class="clamp"><bdi>${titleOf(booking)}</bdi></strong>
          ${date(start, zone)}, ${span(start, instant(booking.ends_at), zone)}, ${zoneName(start, zone)}</p>
        <p>${words.told}</p>
        ${booking.recurring && whole ? html`<${Options} legend="Which ones" name="scope" value=${scope} choose=${setScope}
          options=${[["this", "Only this one"], ["remaining", "This one and all that follow in its series"]]} />` : null}
        ${staff && seats.length ? html`<${Options} legend="Whose seat" name="seat" value=${attendeeId} choose=${setAttendeeId}
          options=${[[null, `The whole booking (${seats.length} ${seats.length === 1 ? "seat" : "seats"})`], ...seats.map((person) => [person.id, nameOf(person)])]} />` : null}
        <${Reason} value=${reason} onInput=${setReason} staff=${staff} required=${staff} />
        <${Slow} slow=${action.slow} />
        <${Trouble} problem=${action.error} />
        <div class="actions">
          <button type="button" ref=${keep} aria-disabled=${action.running} onClick=${() => action.running || close()}>${over ? "Back to the booking" : words.keep}</button>
          ${over ? null : html`<button class="danger" aria-disabled=${action.running}>${action.running ? "Cancelling …" : words.end}</button>`}
        </div>
      </form>
    <//>`;
}

function Options({ legend, name, value, choose, options }) {
  return html`<fieldset><legend>${legend}</legend>
    ${options.map(([key, text]) => html`<label class="check" key=${key}>
      <input type="radio" name=${name} checked=${value === key} onChange=${() => choose(key)} /><bdi>${text}</bdi></label>`)}
  </fieldset>`;
}
