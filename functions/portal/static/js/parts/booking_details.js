// What a booking is: when, where, with whom.

import { html } from "../data/preact.js";
import { canJoin, endedBy, isOver, nameOf, placeOf } from "../words/booking.js";
import { date, instant, span, zoneName } from "../words/time.js";
import { HostTime } from "./booking_card.js";
import { LongText } from "./long_text.js";

const ROLES = { booker: "booked it", guest: "guest", seat: "seat" };
const REACH = { reached: ["Reached", "good"], on_the_way: ["On its way", "wait"], not_reached: ["Not reached yet", "off"], unreachable: ["Unreachable", "bad"] };

/** `page` as `readBooking` gives it. `clientLink(person)`: where staff find more of a person. */
export function BookingDetails({ page, zone, now, clientLink }) {
  const { booking, attendees, reach } = page;
  const start = instant(booking.starts_at);
  const place = placeOf(booking);
  return html`
    <dl class="facts">
      <dt>When</dt>
      <dd><time datetime=${start.toISOString()}>${date(start, zone)}, ${span(start, instant(booking.ends_at), zone)}</time>
        <span class="muted"> ${zoneName(start, zone)}</span>
        <${HostTime} booking=${booking} zone=${zone} /></dd>
      ${place ? html`<dt>Where</dt><dd>${place.href ? html`<a href=${place.href} rel="noreferrer"><bdi>${place.text}</bdi></a>` : html`<bdi>${place.text}</bdi>`}
        ${canJoin(booking, now) ? html` <a class="button primary" href=${place.href} rel="noreferrer">Join</a>` : null}</dd>` : null}
      ${booking.host_name || booking.host_email ? html`<dt>Host</dt><dd><bdi>${booking.host_name || booking.host_email}</bdi>
        ${booking.host_name && booking.host_email ? html`<br /><a href=${`mailto:${booking.host_email}`}>${booking.host_email}</a>` : null}</dd>` : null}
      ${booking.event_type_title ? html`<dt>Kind</dt><dd><bdi>${booking.event_type_title}</bdi>
        ${booking.recurring ? html` <span class="badge">one of a series</span>` : null}</dd>` : null}
      ${booking.seats ? html`<dt>Seats</dt><dd>${booking.seats}</dd>` : null}
      ${isOver(booking) && !booking.removed ? html`<dt>Ended</dt><dd>${endedBy(booking)}${booking.cancellation_reason ? html`<${LongText} text=${`“${booking.cancellation_reason}”`} />` : null}</dd>` : null}
      ${attendees.length ? html`<dt>People</dt>
        <dd><ul class="people">${attendees.map((person) => html`<${Person} key=${person.id} ...${{ person, clientLink }}
          reach=${reach?.find((one) => one.attendee_id === person.id)} />`)}</ul></dd>` : null}
    </dl>`;
}

function Person({ person, reach, clientLink }) {
  const [text, tone] = REACH[reach?.state] ?? [];
  const answers = Object.entries(person.responses ?? {}).filter(([, value]) => value !== "" && value != null);
  return html`
    <li class=${person.removed_at ? "gone" : ""}>
      ${clientLink ? html`<a href=${clientLink(person)}><bdi>${nameOf(person)}</bdi></a>` : html`<bdi>${nameOf(person)}</bdi>`}
      <span class="muted"> · ${person.removed_at ? "no longer in it" : ROLES[person.role] ?? person.role}</span>
      ${person.absent ? html` <span class="badge bad">did not come</span>` : null}
      ${reach ? html` <span class=${`badge ${tone}`} title=${reach.says}>${text}</span>` : null}
      <div class="muted">${person.email && person.email !== nameOf(person) ? html`<a href=${`mailto:${person.email}`}>${person.email}</a> ` : null}
        ${person.phone ? html`<a class="nowrap" href=${`tel:${person.phone}`}>${person.phone}</a>` : null}</div>
      ${reach?.state === "unreachable" ? html`<strong class="error">${reach.says}</strong>` : null}
      ${answers.length ? html`<details><summary>Answers</summary><dl>${answers.map(([question, answer]) => html`
        <dt><bdi>${question}</bdi></dt><dd><${LongText} text=${typeof answer === "string" ? answer : JSON.stringify(answer)} /></dd>`)}</dl></details>` : null}
    </li>`;
}
