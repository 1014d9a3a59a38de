// All bookings, for the team.

import { useBatch, waitingIn } from "../data/batch.js";
import { countBookings, filterChoices, findBookings } from "../data/bookings_found.js";
import { useKeys } from "../data/keys.js";
import { useLoad, usePages, useQuery } from "../data/load.js";
import { useMedia } from "../data/media.js";
import { html, useEffect, useState } from "../data/preact.js";
import { useZone } from "../data/zone.js";
import { BulkBar, UnfinishedBatch } from "../parts/admin/bulk_bar.js";
import { Empty } from "../parts/admin/empty.js";
import { Filters } from "../parts/admin/filters.js";
import { Bookings } from "../parts/admin/table.js";
import { Views } from "../parts/admin/views.js";
import { SweepBanner } from "../parts/banner.js";
import { later } from "../parts/later.js";
import { Skeleton, mount } from "../parts/page.js";
import { Search } from "../parts/search.js";
import { Tabs } from "../parts/tabs.js";
import { More, Slow, Trouble } from "../parts/trouble.js";
import { ZoneLine } from "../parts/zone_line.js";
import { bookingsInWords } from "../words/batch.js";
import { FILTERS, TABS, countInWords, filtersOf, tabOf, turnedTo, viewOf } from "../words/filters.js";

const PAGE = 50;
const Panel = later(() => import("../parts/admin/panel.js"), "Panel");
const BulkDialog = later(() => import("../parts/admin/bulk_dialog.js"), "BulkDialog");
const BatchDialog = later(() => import("../parts/admin/batch_dialog.js"), "BatchDialog");
const CsvDialog = later(() => import("../parts/admin/csv_dialog.js"), "CsvDialog");
const KeysHelp = later(() => import("../parts/admin/keys_help.js"), "KeysHelp");

function Admin() {
  const [query, setQuery] = useQuery();
  const zone = useZone();
  const now = new Date();
  const narrow = useMedia("(max-width: 40rem)");
  const [asked, setAsked] = useState(null); // cancel | resend | export | view | batch | keys: what is on top of the page
  const filters = () => filtersOf(query, new Date(), zone);
  const key = JSON.stringify([viewOf(query), zone]);
  const list = usePages((cursor, size, signal) => findBookings(filters(), cursor, size, signal), key, PAGE, { poll: true });
  const count = useLoad(async (signal) => ({ key, ...(await countBookings(filters(), signal)) }), key, { poll: true });
  const upcoming = useLoad((signal) => countBookings({ period: "upcoming" }, signal), "upcoming", { poll: true });
  const choices = useLoad((signal) => filterChoices(signal), "choices");
  const counted = count.data?.key === key ? count.data : null;
  const work = useBatch();
  const [chosen, choose, toggle] = useChosen(key);
  const rows = list.rows ?? [];
  const row = useRow(rows, query, setQuery);

  useEffect(() => {
    if (list.rows) Panel.soon();
  }, [list.rows]);

  const changed = () => [list, count, upcoming].forEach((one) => one.reload({ quiet: true }));
  const set = (changes, options) => setQuery({ booking: "", ...changes }, options);
  // The first letter of a search is a step that Back undoes, the others belong to it.
  const search = (q) => set({ q }, { replace: Boolean(q && query.q) });
  const close = () => setAsked(null);
  useKeys({
    "/": () => document.getElementById("q").focus(),
    "?": () => setAsked("keys"),
    j: () => row.move(1),
    k: () => row.move(-1),
    Enter: (event) => event.target === document.body && row.current && row.open(row.current),
    Escape: () => Boolean(query.booking) && row.close(),
  });

  const tabs = TABS.map(([tab, text]) => [tab, tab === "upcoming" && upcoming.data
    ? `${text} (${upcoming.data.count.toLocaleString("en")}${upcoming.data.more ? "+" : ""})` : text]);
  const Shown = html`<${Bookings} ...${{ rows, narrow, zone, now, chosen, toggle, ...row, opened: query.booking }}
    chooseAll=${(all) => choose(all ? [...chosen, ...rows.map(({ id }) => id)] : [...chosen].filter((id) => !rows.some((one) => one.id === id)))} />`;
  return html`
    <div class="heading"><h1>All bookings</h1>
      <div class="row"><${Views} query=${query} show=${(view) => setQuery({ ...blank(), ...view })} />
        <button type="button" class="pill" onClick=${() => setAsked("view")}>Export …</button>
        <button type="button" class="pill" onClick=${() => setAsked("keys")} aria-label="Keys"><kbd aria-hidden="true">?</kbd></button></div>
    </div>
    <${Tabs} label="Which bookings" panel="list" tabs=${tabs} chosen=${tabOf(query)} choose=${(tab) => setQuery(turnedTo(tab, query))} />
    <div class="find">
      <${Search} words=${query.q ?? ""} search=${search} label="Search in these bookings" placeholder="Name, e-mail, phone or title" />
      <${Filters} ...${{ query, set, choices: choices.data, zone, now, narrow }} />
    </div>
    <div class="told">
      <p class="count" role="status">${countInWords(counted)}${chosen.size ? html`<span class="hidden">, ${chosen.size} selected</span>` : null}</p>
      <${ZoneLine} now=${now} />
    </div>
    <div class=${`admin${query.booking ? " open" : ""}`}>
      <div id="list" role="tabpanel" aria-labelledby=${`tab-${tabOf(query)}`} aria-busy=${list.loading ? "true" : "false"}>
        <${Slow} slow=${list.slow} />
        <${Trouble} problem=${list.error} retry=${list.reload} />
        ${!list.rows && list.loading ? html`<${Skeleton} rows=${6} />` : null}
        ${list.rows?.length === 0 ? html`<${Empty} ...${{ query, set, zone }} />` : null}
        ${rows.length ? Shown : null}
        <${More} more=${list.more} />
      </div>
      ${query.booking ? html`<${Panel} ...${{ id: query.booking, zone, now, changed, close: row.close, step: row.step }} />` : null}
    </div>
    ${work.batch && asked !== "batch" && !asked ? html`<${UnfinishedBatch} waiting=${waitingIn(work.batch).length} of=${work.batch.ids.length} open=${() => setAsked("batch")} />`
      : html`<${BulkBar} ...${{ chosen, filters, choose, act: setAsked }} count=${counted} />`}
    ${asked === "keys" ? html`<${KeysHelp} close=${close} />` : null}
    ${asked === "view" ? html`<${CsvDialog} what=${`${countInWords(counted) || "The bookings"} of this view`} body=${() => ({ filters: filters() })}
      expected=${counted?.more ? null : counted?.count} ...${{ zone, now, close }} />` : null}
    ${asked === "export" ? html`<${CsvDialog} what=${`${bookingsInWords(chosen.size)}, as selected`} body=${() => ({ booking_ids: [...chosen] })}
      expected=${chosen.size} ...${{ zone, now, close }} />` : null}
    ${asked === "cancel" || asked === "resend" ? html`<${BulkDialog} kind=${asked} ids=${[...chosen]} zone=${zone} close=${close}
      begin=${(batch) => [setAsked("batch"), choose([]), work.begin(batch).then(changed)]} />` : null}
    ${asked === "batch" && work.batch ? html`<${BatchDialog} ...${{ work, zone, close }} end=${() => [close(), work.forget(), changed()]} />` : null}`;
}

const blank = () => Object.fromEntries(["tab", "q", "booking", ...FILTERS].map((name) => [name, ""]));

/** The selected ids: of one list, so another list begins with none. */
function useChosen(key) {
  const [state, setState] = useState({ key, ids: new Set() });
  const ids = state.key === key ? state.ids : new Set();
  const choose = (next) => setState({ key, ids: new Set(next) });
  const toggle = ({ id }) => choose(ids.has(id) ? [...ids].filter((one) => one !== id) : [...ids, id]);
  return [ids, choose, toggle];
}

/** The row that has the keyboard, and the one that is open: `{current, move, open, close, step}`. */
function useRow(rows, query, setQuery) {
  const [at, setAt] = useState(null);
  const current = rows.some(({ id }) => id === at) ? at : (rows[0]?.id ?? null);
  const focus = (id, what = "a") => {
    const found = document.querySelector(`.list [data-id="${CSS.escape(id)}"] ${what}`);
    found?.focus();
    return found;
  };
  const beside = (id, step) => {
    const place = rows.findIndex((one) => one.id === id);
    return rows[Math.min(Math.max(place + step, 0), rows.length - 1)]?.id;
  };
  const open = (id, options) => {
    setAt(id);
    setQuery({ booking: id }, options);
  };
  // Rows are counted from where one is; before the first step that is before the first row.
  const move = (step, what) => {
    const next = document.activeElement.closest?.(".list, .panel") ? beside(query.booking && document.activeElement.closest(".panel") ? query.booking : current, step) : current;
    if (!next) return;
    setAt(next);
    if (query.booking) open(next, { replace: true });
    if (!document.activeElement.closest?.(".panel")) focus(next, what);
  };
  const close = () => {
    const id = query.booking;
    setQuery({ booking: "" });
    setTimeout(() => focus(id) ?? document.getElementById("main").focus());
  };
  const step = (by) => {
    const next = beside(query.booking, by);
    return next && next !== query.booking ? () => open(next, { replace: true }) : null;
  };
  return { current, move, open, close, step };
}

mount(Admin, { title: "All bookings", needs: "staff", wide: true, Banner: SweepBanner });
