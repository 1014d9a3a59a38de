// What was just booked, as Cal.com's embed tells it: a hint for who looks at the page, no more. The mail is what counts.

import { portal } from "../data/config.js";
import { html, useEffect, useRef } from "../data/preact.js";
import { useZone } from "../data/zone.js";
import { statusOf } from "../words/booking.js";
import { date, instant, span, zoneName } from "../words/time.js";
import { DateBlock } from "./booking_card.js";

const STATUS = { ACCEPTED: "confirmed", PENDING: "pending" };
const NEXT = {
  confirmed: "A mail is on its way to the address that you gave.",
  pending: "Your host has yet to say yes. A mail is on its way; another one tells what they say.",
  awaiting_payment: "It is yours once it is paid. A mail comes then.",
};

/** `booking`: `{title, startTime, endTime, status, paymentRequired, isRecurring, allBookings?}` */
export function Booked({ booking, signedIn }) {
  const heading = useRef(null);
  const status = booking.paymentRequired ? "awaiting_payment" : STATUS[String(booking.status).toUpperCase()];
  useEffect(() => heading.current.focus(), [booking]);
  return html`
    <section class="booked" aria-labelledby="booked">
      <h2 id="booked" tabindex="-1" ref=${heading}>${
        { confirmed: "You have booked", pending: "You have asked for a time", awaiting_payment: "One step is left: the payment" }[status] ?? "Thank you"}</h2>
      <${Facts} booking=${booking} status=${status} />
      <p>${NEXT[status] ?? NEXT.confirmed}</p>
      <p><small>None after some minutes? Look into the junk folder, or ask us: without a mail nothing is sure.</small></p>
      <p class="row">
        ${signedIn ? html`<a class="button primary" href=${portal("/bookings")}>My bookings</a>`
          : html`<a class="button" href=${portal("/bookings")}>Sign in to see, move or cancel it</a>`}
        <a class="button" href=${location.href}>Book another time</a>
      </p>
    </section>`;
}

function Facts({ booking, status }) {
  const zone = useZone();
  const start = when(booking.startTime);
  const end = when(booking.endTime);
  const rest = booking.isRecurring ? (booking.allBookings ?? []).length - 1 : 0;
  const { text, tone } = status ? statusOf({ status }) : {};
  return html`
    <div class="card booking">
      ${start ? html`<${DateBlock} at=${start} zone=${zone} />` : null}
      <div class="what">
        <h3><bdi>${booking.title || "Booking"}</bdi></h3>
        ${start ? html`<p>${date(start, zone)}, <time datetime=${start.toISOString()}>${span(start, end ?? start, zone)}</time>
          <span class="muted"> ${zoneName(start, zone)}</span></p>` : null}
        ${rest > 0 ? html`<p class="muted">and ${rest} more ${rest === 1 ? "time" : "times"}, as the mail says</p>` : null}
      </div>
      ${text ? html`<div class="side"><span class=${`badge ${tone}`}>${text}</span></div>` : null}
    </div>`;
}

function when(text) {
  const at = typeof text === "string" ? instant(text) : null;
  return at && !Number.isNaN(at.getTime()) ? at : null;
}
