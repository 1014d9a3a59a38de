// What a client has: bookings, notes on them, messages about them. Each is read by itself and may fail by itself.

import { rpc } from "../data/api.js";
import { portal } from "../data/config.js";
import { usePages } from "../data/load.js";
import { html, useEffect } from "../data/preact.js";
import { channelName, kindInWords, messageStatus } from "../words/message.js";
import { ago, instant, moment, shortDate, clock, zoneName } from "../words/time.js";
import { BookingCard } from "./booking_card.js";
import { LongText } from "./long_text.js";
import { PagedList } from "./paged_list.js";
import { Tabs } from "./tabs.js";

const PAGE = 10;
const TABS = [["upcoming", "Upcoming"], ["past", "Past"], ["cancelled", "Cancelled"]];
const EMPTY = {
  upcoming: "No upcoming bookings.", past: "No past bookings.", cancelled: "No cancelled bookings.",
};

/** `shown` once the list, or what kept it from coming, stands on the page. */
export function ClientBookings({ client, query, setQuery, zone, now, shown }) {
  const tab = EMPTY[query.tab] ? query.tab : "upcoming";
  const list = usePages((cursor, size, signal) => rpc("search_bookings",
    { p_client: client, p_period: tab, p_page_cursor: cursor, p_page_size: size }, { signal }), `${client} ${tab}`, PAGE, { poll: true });
  const stands = Boolean(list.rows || list.error);
  useEffect(() => {
    if (stands) shown();
  }, [stands]);
  return html`
    <section aria-labelledby="bookings">
      <h2 id="bookings">Bookings</h2>
      <${Tabs} label="Which bookings" panel="list" tabs=${TABS} chosen=${tab} choose=${(key) => setQuery({ tab: key })} />
      <div id="list" role="tabpanel" aria-labelledby=${`tab-${tab}`}>
        <${PagedList} label="Bookings" list=${list} empty=${EMPTY[tab]}
          row=${(booking) => html`<${BookingCard} key=${booking.id} ...${{ booking, zone, now }} />`} />
      </div>
    </section>`;
}

export function ClientNotes({ client, zone, now }) {
  const list = usePages((cursor, size, signal) => rpc("client_notes",
    { p_client: client, p_page_cursor: cursor, p_page_size: size }, { signal }), client, PAGE);
  return html`
    <section class="card" aria-labelledby="notes">
      <h2 id="notes">Notes</h2>
      <${PagedList} label="Notes" list=${list} empty="Nobody has written a note on their bookings."
        row=${(note) => html`<${Note} key=${note.id} ...${{ note, zone, now }} />`} />
    </section>`;
}

function Note({ note, zone, now }) {
  const at = instant(note.created_at);
  return html`
    <li class="item">
      <${LongText} text=${note.body} />
      <p class="muted"><bdi>${note.author_name ?? "Somebody"}</bdi>${" · "}<time datetime=${at.toISOString()} title=${moment(at, zone)}>${ago(at, now)}</time>
        ${" · "}${note.visibility === "staff" ? "for the team only" : "shared with the client"}</p>
      <${About} row=${note} zone=${zone} />
    </li>`;
}

export function ClientMessages({ client, zone }) {
  const list = usePages((cursor, size, signal) => rpc("client_messages",
    { p_client: client, p_page_cursor: cursor, p_page_size: size }, { signal }), client, PAGE, { poll: true });
  return html`
    <section class="card" aria-labelledby="messages">
      <h2 id="messages">Messages</h2>
      <${PagedList} label="Messages" list=${list} empty="No message was planned for their bookings."
        row=${(message) => html`<${Message} key=${message.id} ...${{ message, zone }} />`} />
    </section>`;
}

function Message({ message, zone }) {
  const { text, tone } = messageStatus(message.status);
  return html`
    <li class="item">
      <div class="row"><h3>${kindInWords(message)}</h3><span class=${`badge ${tone}`}>${text}</span></div>
      <p>${message.says}</p>
      <p class="muted">${channelName(message.channel)} to <bdi>${message.recipient}</bdi></p>
      <${About} row=${message} zone=${zone} />
    </li>`;
}

function About({ row, zone }) {
  const start = instant(row.booking_starts_at);
  return html`<p class="muted">About <a href=${portal(`/bookings/${row.booking_id}`)}><bdi>${row.title || "a booking"}</bdi></a>,
    ${" "}${shortDate(start, zone)} ${clock(start, zone)}, ${zoneName(start, zone)}</p>`;
}
