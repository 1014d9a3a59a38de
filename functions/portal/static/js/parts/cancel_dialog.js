// Cancelling: what ends, who is told, and why.

import { cancel } from "../data/booking_page.js";
import { useAction, useDraft } from "../data/load.js";
import { html, useEffect, useRef, useState } from "../data/preact.js";
import { nameOf, titleOf } from "../words/booking.js";
import { date, instant, span, zoneName } from "../words/time.js";
import { announce } from "./announcer.js";
import { Dialog } from "./dialog.js";
import { Reason } from "./reason.js";
import { Slow, Trouble } from "./trouble.js";

/** `page` as `readBooking` gives it; `done` once it is cancelled. */
export function CancelDialog({ page, zone, close, done }) {
  const { booking, attendees, actions } = page;
  const staff = actions.part === "staff";
  const seats = attendees.filter((person) => person.role === "seat" && !person.removed_at);
  const [scope, setScope] = useState("this");
  const [attendeeId, setAttendeeId] = useState(null);
  const [reason, setReason, clear] = useDraft(`cancel ${booking.id}`);
  const start = instant(booking.starts_at);
  const keep = useRef(null);
  useEffect(() => keep.current.focus(), []);

  const action = useAction(async () => {
    await cancel(booking.id, { scope, attendeeId, reason });
    clear();
    announce(actions.part === "seat" || attendeeId ? "The seat is given up. A mail about it is on its way." : "Cancelled. Mails about it are on their way.");
    close();
    await done();
  });
  const submit = (event) => {
    event.preventDefault();
    action.run();
  };
  const told = staff ? "Everybody in it is told by e-mail." : actions.part === "seat"
    ? "Only your seat is given up. You and your host are told." : "You, your guests and your host are told.";
  return html`
    <${Dialog} title=${actions.part === "seat" ? "Give up your seat?" : "Cancel booking?"} onClose=${close}>
      <form onSubmit=${submit}>
        <p><strong><bdi>${titleOf(booking)}</bdi></strong><br />
          ${date(start, zone)}, ${span(start, instant(booking.ends_at), zone)}, ${zoneName(start, zone)}</p>
        <p>${told}</p>
        ${booking.recurring && actions.part !== "seat" && !attendeeId ? html`<${Options} legend="Which ones" name="scope" value=${scope} choose=${setScope}
          options=${[["this", "Only this one"], ["remaining", "This one and all that follow in its series"]]} />` : null}
        ${staff && seats.length ? html`<${Options} legend="Whose seat" name="seat" value=${attendeeId} choose=${setAttendeeId}
          options=${[[null, `The whole booking (${seats.length} ${seats.length === 1 ? "seat" : "seats"})`], ...seats.map((person) => [person.id, nameOf(person)])]} />` : null}
        <${Reason} value=${reason} onInput=${setReason} required=${staff} />
        <${Slow} slow=${action.slow} />
        <${Trouble} problem=${action.error} />
        <div class="actions">
          <button type="button" ref=${keep} onClick=${close}>Keep booking</button>
          <button class="danger" disabled=${action.running}>${action.running ? "Cancelling …" : "Cancel booking"}</button>
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
