// My bookings: upcoming, past, cancelled.

import { rpc } from "../data/api.js";
import { portal } from "../data/config.js";
import { useLoad, usePages, useQuery } from "../data/load.js";
import { html, useState } from "../data/preact.js";
import { useZone } from "../data/zone.js";
import { BookingCard } from "../parts/booking_card.js";
import { FeedDialog } from "../parts/feed_dialog.js";
import { Skeleton, mount } from "../parts/page.js";
import { Search } from "../parts/search.js";
import { Tabs } from "../parts/tabs.js";
import { More, Slow, Trouble } from "../parts/trouble.js";
import { ZoneLine } from "../parts/zone_line.js";
import { dayInWords, dayOf, instant } from "../words/time.js";

const PAGE = 20;
const TABS = [["upcoming", "Upcoming"], ["past", "Past"], ["cancelled", "Cancelled"]];
const EMPTY = {
  upcoming: ["No upcoming bookings", "When you book a time, it shows up here."],
  past: ["No past bookings", "What has taken place shows up here."],
  cancelled: ["No cancelled bookings", "What was cancelled or declined shows up here."],
};

function Bookings() {
  const [query, setQuery] = useQuery();
  const tab = TABS.some(([key]) => key === query.tab) ? query.tab : "upcoming";
  const words = query.q ?? "";
  const zone = useZone();
  const now = new Date();
  const [feed, setFeed] = useState(false);
  const ask = (cursor, size, signal) => rpc("search_bookings",
    { p_period: tab, p_q: words || null, p_page_cursor: cursor, p_page_size: size }, { signal });
  const coming = useLoad((signal) => rpc("count_bookings", { p_filters: { period: "upcoming" } }, { signal }), "count", { poll: true });
  const tabs = TABS.map(([key, text]) => [key, key === "upcoming" && coming.data?.count ? `${text} (${coming.data.count})` : text]);
  const list = usePages(ask, `${tab} ${words}`, PAGE, { poll: true });

  return html`
    <div class="heading"><h1>My bookings</h1>
      <div class="row"><button type="button" onClick=${() => setFeed(true)}>Subscribe</button>
        <a class="button primary" href=${portal("/book")}>Book a time</a></div></div>
    ${feed ? html`<${FeedDialog} close=${() => setFeed(false)} />` : null}
    <${Tabs} label="Which bookings" panel="list" tabs=${tabs} chosen=${tab} choose=${(key) => setQuery({ tab: key, q: "" })} />
    <${Search} words=${words} search=${(q) => setQuery({ q }, { replace: true })} label="Search in these bookings"
      placeholder="Search by title, person or host" />
    <${ZoneLine} now=${now} />
    <div id="list" role="tabpanel" aria-labelledby=${`tab-${tab}`} aria-busy=${list.loading ? "true" : "false"}>
      <${Slow} slow=${list.slow} />
      <${Trouble} problem=${list.error} retry=${list.reload} />
      ${!list.rows && list.loading ? html`<${Skeleton} />` : null}
      ${list.rows?.length === 0 ? html`<${Empty} tab=${tab} words=${words} clear=${() => setQuery({ q: "" })} />` : null}
      ${list.rows?.length ? html`<${List} ...${{ rows: list.rows, tab, zone, now }} />` : null}
      <${More} more=${list.more} />
    </div>`;
}

function List({ rows, tab, zone, now }) {
  const days = [];
  for (const booking of rows) {
    const day = dayOf(instant(booking.starts_at), zone);
    if (days.at(-1)?.day !== day) days.push({ day, title: dayInWords(instant(booking.starts_at), now, zone), rows: [] });
    days.at(-1).rows.push(booking);
  }
  return days.map((one) => html`
    <section class="day" key=${`${tab} ${one.day}`}>
      <h2>${one.title}</h2>
      <ul>${one.rows.map((booking) => html`<${BookingCard} key=${booking.id} ...${{ booking, zone, now }} />`)}</ul>
    </section>`);
}

function Empty({ tab, words, clear }) {
  if (words) {
    return html`<div class="empty"><h2>No results found for “${words}”</h2><p>Try searching with different words.</p>
      <button onClick=${clear}>Clear the search</button></div>`;
  }
  const [title, sentence] = EMPTY[tab];
  return html`<div class="empty"><h2>${title}</h2><p>${sentence}</p>
    ${tab === "upcoming" ? html`<a class="button primary" href=${portal("/book")}>Book a time</a>` : null}</div>`;
}

mount(Bookings, { title: "My bookings" });
