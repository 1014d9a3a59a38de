// Who a client is, whether messages reach them, what they wish and have agreed to.

import { portal } from "../data/config.js";
import { html } from "../data/preact.js";
import { languageName, reachInWords, telOf, wishesInWords } from "../words/person.js";
import { clock, date, instant, moment, zoneName } from "../words/time.js";

export function Phone({ phone }) {
  const link = telOf(phone);
  return link ? html`<a href=${link}>${phone}</a>` : html`<bdi>${phone}</bdi>`;
}

/** `[term, content]`, without those that have none. */
function Facts({ rows }) {
  return html`<dl class="about">${rows.filter(([, content]) => content != null && content !== "").map(([term, content]) => html`
    <div key=${term}><dt>${term}</dt><dd>${content}</dd></div>`)}</dl>`;
}

export function Person({ client, zone, now }) {
  const { counts } = client;
  const other = client.names.slice(1);
  return html`
    <${Facts} rows=${[
      ["Also booked as", other.length ? html`<bdi>${other.join(", ")}</bdi>` : null],
      ["Time zone", client.time_zone && `${zoneName(now, client.time_zone)}, ${clock(now, client.time_zone)} there now`],
      ["Language", client.locale && languageName(client.locale)],
      ["First booking", client.first_booking && html`<${Booking} booking=${client.first_booking} zone=${zone} />`],
      ["Last booking", client.last_booking && html`<${Booking} booking=${client.last_booking} zone=${zone} />`],
      ["Bookings", `${counts.upcoming} upcoming, ${counts.past} past, ${counts.cancelled} cancelled`],
      ["Did not come", counts.no_shows ? `${counts.no_shows} of ${counts.past} times` : null],
    ]} />`;
}

function Booking({ booking, zone }) {
  return html`<a href=${portal(`/bookings/${booking.id}`)}>${date(instant(booking.starts_at), zone)}</a>`;
}

export function Reach({ reach }) {
  const { text, tone, sentence } = reachInWords(reach);
  return html`
    <p><span class=${`badge ${tone}`}>${text}</span> ${sentence}</p>
    ${reach?.state === "unreachable" ? html`
      <p>${reach.phone ? html`Call <${Phone} phone=${reach.phone} />` : "No number is known."} about
        ${reach.unreachable.map((id, place) => html` <a href=${portal(`/bookings/${id}`)}>${place ? `booking ${place + 1}` : "the next booking"}</a>`)}</p>` : null}`;
}

export function Wishes({ wishes, zone }) {
  return html`
    ${wishes ? null : html`<p class="muted">They have chosen nothing, so these are the defaults.</p>`}
    <${Facts} rows=${[
      ...wishesInWords(wishes),
      ["Time zone of their choice", wishes?.time_zone && zoneName(new Date(), wishes.time_zone)],
      ["Language of their choice", wishes?.locale && languageName(wishes.locale)],
    ]} />`;
}

export function Consents({ consents, zone }) {
  if (!consents.length) return html`<p class="muted">They have not agreed to reminders by text.</p>`;
  return html`<ul>${consents.map((consent) => html`
    <li class="item" key=${`${consent.phone} ${consent.given_at}`}>
      <p><${Phone} phone=${consent.phone} /> <span class=${`badge ${consent.withdrawn_at ? "off" : "good"}`}>${consent.withdrawn_at ? "Withdrawn" : "Holds"}</span></p>
      <p class="muted">Given ${moment(instant(consent.given_at), zone)}${consent.withdrawn_at ? `; withdrawn ${moment(instant(consent.withdrawn_at), zone)}` : ""}</p>
      <details><summary>What they agreed to</summary><p>${consent.text_shown}</p><p class="muted">Given by: ${consent.source}</p></details>
    </li>`)}</ul>`;
}
