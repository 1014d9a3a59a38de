// All bookings, for the team.

import { useBatch } from "../data/batch.js";
import { countBookings, filterChoices, findBookings } from "../data/bookings_found.js";
import { useKeys } from "../data/keys.js";
import { useLoad, usePages, useQuery } from "../data/load.js";
import { useMedia } from "../data/media.js";
import { html, useEffect, useState } from "../data/preact.js";
import { useZone } from "../data/zone.js";
import { Empty } from "../parts/admin/empty.js";
import { Filters } from "../parts/admin/filters.js";
import { OnTop } from "../parts/admin/on_top.js";
import { useChosen, useRow } from "../parts/admin/rows.js";
import { Bookings } from "../parts/admin/table.js";
import { Views } from "../parts/admin/views.js";
import { SweepBanner } from "../parts/banner.js";
import { later } from "../parts/later.js";
import { Skeleton, mount } from "../parts/page.js";
import { Search } from "../parts/search.js";
import { Tabs } from "../parts/tabs.js";
import { More, Slow, Trouble } from "../parts/trouble.js";
import { ZoneLine } from "../parts/zone_line.js";
import { FILTERS, TABS, countInWords, filtersOf, tabOf, turnedTo, viewOf } from "../words/filters.js";

const PAGE = 50;
const NO_VIEW = Object.fromEntries(["tab", "q", "booking", ...FILTERS].map((name) => [name, ""]));
const Panel = later(() => import("../parts/admin/panel.js"), "Panel");

function Admin() {
  const [query, setQuery] = useQuery();
  const zone = useZone();
  const now = new Date();
  const narrow = useMedia("(max-width: 40rem)");
  const [asked, setAsked] = useState(null); // what is on top of the list
  const filters = () => filtersOf(query, new Date(), zone);
  const key = JSON.stringify([viewOf(query), zone]);
  const list = usePages((cursor, size, signal) => findBookings(filters(), cursor, size, signal), key, PAGE, { poll: true });
  const counts = useLoad(async (signal) => ({ key, ...(await countBookings(filters(), signal)) }), key, { poll: true });
  const upcoming = useLoad((signal) => countBookings({ period: "upcoming" }, signal), "upcoming", { poll: true });
  const choices = useLoad((signal) => filterChoices(signal), "choices");
  const work = useBatch();
  const [chosen, choose, toggle] = useChosen(key);
  const rows = list.rows ?? [];
  const count = counts.data?.key === key ? counts.data : null;
  const row = useRow(rows, query.booking, (booking, options) => setQuery({ booking }, options));
  const changed = () => [list, counts, upcoming].forEach((one) => one.reload({ quiet: true }));

  useEffect(() => {
    if (list.rows) Panel.soon();
  }, [list.rows]);
  useKeys({
    "/": () => document.getElementById("q").focus(),
    "?": () => setAsked("keys"),
    j: () => row.move(1),
    k: () => row.move(-1),
    Escape: () => Boolean(query.booking) && row.close(),
  });

  const set = (changes, options) => setQuery({ booking: "", ...changes }, options);
  // The first letter of a search is a step that Back undoes, the others belong to it.
  const search = (q) => set({ q }, { replace: Boolean(q && query.q) });
  const chooseAll = (all) => {
    const shown = rows.map(({ id }) => id);
    choose(all ? [...chosen, ...shown] : [...chosen].filter((id) => !shown.includes(id)));
  };
  return html`
    <div class="heading"><h1>All bookings</h1>
      <div class="row"><${Views} query=${query} show=${(view) => setQuery({ ...NO_VIEW, ...view })} />
        <button type="button" class="pill" onClick=${() => setAsked("view")}>Export …</button>
        <button type="button" class="pill" onClick=${() => setAsked("keys")} aria-label="Keys"><kbd aria-hidden="true">?</kbd></button></div>
    </div>
    <${Tabs} label="Which bookings" panel="list" tabs=${tabsWith(upcoming.data)} chosen=${tabOf(query)} choose=${(tab) => setQuery(turnedTo(tab, query))} />
    <div class="find">
      <${Search} words=${query.q ?? ""} search=${search} label="Search in these bookings" placeholder="Name, e-mail, phone or title" />
      <${Filters} ...${{ query, set, choices: choices.data, zone, now, narrow }} />
    </div>
    <div class="told">
      <p class="count" role="status">${countInWords(count)}${chosen.size ? html`<span class="hidden">, ${chosen.size} selected</span>` : null}</p>
      <${ZoneLine} now=${now} />
    </div>
    <div class=${`admin${query.booking ? " open" : ""}`}>
      <div id="list" role="tabpanel" aria-labelledby=${`tab-${tabOf(query)}`} aria-busy=${list.loading ? "true" : "false"}>
        <${Slow} slow=${list.slow} />
        <${Trouble} problem=${list.error} retry=${list.reload} />
        ${!list.rows && list.loading ? html`<${Skeleton} rows=${6} />` : null}
        ${list.rows?.length === 0 ? html`<${Empty} ...${{ query, set, zone }} />` : null}
        ${rows.length ? html`<${Bookings} ...${{ rows, narrow, zone, now, chosen, toggle, chooseAll }}
          ...${{ current: row.current, move: row.move, open: row.open, opened: query.booking }} />` : null}
        <${More} more=${list.more} />
      </div>
      ${query.booking ? html`<${Panel} id=${query.booking} ...${{ zone, now, changed, close: row.close, step: row.step }} />` : null}
    </div>
    <${OnTop} ...${{ asked, setAsked, chosen, choose, filters, count, work, zone, now, changed }} />`;
}

/** The tabs; that of what is to come says how much that is. */
function tabsWith(upcoming) {
  const number = upcoming ? ` (${upcoming.count.toLocaleString("en")}${upcoming.more ? "+" : ""})` : "";
  return TABS.map(([tab, text]) => [tab, tab === "upcoming" ? text + number : text]);
}

mount(Admin, { title: "All bookings", needs: "staff", wide: true, Banner: SweepBanner });
