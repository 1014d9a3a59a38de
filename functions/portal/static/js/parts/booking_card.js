// A booking in a list.

import { portal } from "../data/config.js";
import { html } from "../data/preact.js";
import { canJoin, endedBy, isOver, placeOf, statusOf, titleOf } from "../words/booking.js";
import { dateBlock, instant, span, zoneName } from "../words/time.js";

export function BookingCard({ booking, zone, now }) {
  const start = instant(booking.starts_at);
  const end = instant(booking.ends_at);
  const place = placeOf(booking);
  const title = booking.removed
    ? titleOf(booking)
    : html`<a href=${portal(`/bookings/${booking.id}`)}>${titleOf(booking)}</a>`;
  return html`
    <li class=${`card booking${isOver(booking) ? " over" : ""}`}>
      <${DateBlock} at=${start} zone=${zone} />
      <div class="what">
        <h3>${title}</h3>
        <p class="when"><time datetime=${start.toISOString()}>${span(start, end, zone)}</time>
          <span class="muted"> ${zoneName(start, zone)}</span></p>
        <${HostTime} booking=${booking} zone=${zone} />
        <p class="muted">${[booking.host_name && `with ${booking.host_name}`, place?.text].filter(Boolean).join(" · ")}</p>
        ${isOver(booking) && booking.cancellation_reason ? html`<p class="reason">${endedBy(booking)}: “${booking.cancellation_reason}”</p>` : null}
      </div>
      <div class="side">
        <${Status} booking=${booking} now=${now} />
        ${canJoin(booking, now) ? html`<a class="button primary" href=${place.href} rel="noreferrer">Join</a>` : null}
      </div>
    </li>`;
}

export function DateBlock({ at, zone }) {
  const { weekday, day, month, year } = dateBlock(at, zone);
  const otherYear = year !== dateBlock(new Date(), zone).year;
  return html`<div class="date" aria-hidden="true"><span>${weekday}</span><b>${day}</b><span>${month}${otherYear ? ` ${year}` : ""}</span></div>`;
}

/** The same instant where the host is, if that is another time. */
export function HostTime({ booking, zone }) {
  const theirs = booking.host_time_zone;
  const start = instant(booking.starts_at);
  if (!theirs || theirs === zone || zoneName(start, theirs).split("(")[1] === zoneName(start, zone).split("(")[1]) return null;
  return html`<p class="muted">${span(start, instant(booking.ends_at), theirs)} for your host, ${zoneName(start, theirs)}</p>`;
}

export function Status({ booking, now }) {
  const { text, tone } = statusOf(booking, now);
  return html`<span class=${`badge ${tone}`}>${text}</span>`;
}
