// Which bookings the team looks at: what the address of the page says, as filters of the API, and in words.
// query: {tab, q, date, by, status, client, host, event, message}, all of them text, none of them needed.

import { STATUSES } from "./booking.js";
import { addDays, date, dayOf, instant, moment, startOfDay } from "./time.js";

const OPEN = ["pending", "awaiting_payment", "confirmed"];
const WAITING = ["pending", "awaiting_payment"];
const OVER = ["cancelled", "rejected"];
const BACK = ["today", "last-7", "last-30", "last-90", "month", "year"];
const AHEAD = ["today", "next-7", "next-30", "next-90"];

/** period: the API's; statuses: those that are found there; dates: what is worth asking there. */
const LISTS = {
  upcoming: { text: "Upcoming", period: "upcoming", statuses: OPEN, dates: AHEAD },
  unconfirmed: { text: "Unconfirmed", period: "upcoming", statuses: WAITING, dates: AHEAD },
  past: { text: "Past", period: "past", statuses: OPEN, dates: BACK, date: "last-30" },
  cancelled: { text: "Cancelled", period: "cancelled", statuses: OVER, dates: [...BACK, ...AHEAD.slice(1)] },
  all: { text: "All", period: "all", statuses: [...OPEN, ...OVER], dates: [...BACK, ...AHEAD.slice(1)] },
};
const PRESETS = {
  today: "Today", "last-7": "Last 7 days", "last-30": "Last 30 days", "last-90": "Last 90 days",
  "next-7": "Next 7 days", "next-30": "Next 30 days", "next-90": "Next 90 days", month: "Month to date", year: "Year to date",
};
const CUSTOM = /^(\d{4}-\d\d-\d\d)?\.\.(\d{4}-\d\d-\d\d)?$/;

export const TABS = Object.entries(LISTS).map(([key, { text }]) => [key, text]);
export const FILTERS = ["date", "by", "status", "client", "host", "event", "message"];
export const BY = { starts: "Booking time", created: "Created at" };

export const tabOf = (query) => (Object.hasOwn(LISTS, query.tab ?? "") ? query.tab : "upcoming");
export const byOf = (query) => (query.by === "created" ? "created" : "starts");
export const listed = (text) => (text ?? "").split(",").filter(Boolean);

/** The states that a list can have: `[value, text]`. */
export const statusesOf = (query) =>
  STATUSES.filter(({ value }) => LISTS[tabOf(query)].statuses.includes(value)).map(({ value, text }) => [value, text]);

/** The dates that a list offers: `[value, text]`. Nothing was created in days to come. */
export const datesOf = (query) =>
  (byOf(query) === "created" ? BACK : LISTS[tabOf(query)].dates).map((value) => [value, PRESETS[value]]);

/** The date that is asked for: a preset, `2026-11-01..2026-11-30` with one side or both, or "". */
export function dateOf(query) {
  const asked = query.date ?? LISTS[tabOf(query)].date ?? "";
  return Object.hasOwn(PRESETS, asked) || isRange(asked) ? asked : "";
}

function isRange(asked) {
  const days = CUSTOM.exec(asked)?.slice(1).filter(Boolean) ?? [];
  return days.length > 0 && days.every((day) => !Number.isNaN(Date.parse(day)));
}

/** What the address says after a change of the list: what makes no sense there is left behind. */
export function turnedTo(tab, query) {
  const next = { ...query, tab };
  const fits = CUSTOM.test(query.date ?? "") || datesOf(next).some(([value]) => value === query.date);
  const status = listed(query.status).filter((one) => LISTS[tab].statuses.includes(one)).join(",");
  return { tab, date: fits ? query.date : "", by: fits ? query.by : "", status, booking: "" };
}

/** The same list without its date: the list of the past says so itself, since it has one by default. */
export const withoutDate = (query) => ({ date: LISTS[tabOf(query)].date ? "any" : "", by: "" });

/** → `{from, to}`: instants, the second one not included; null where that side is open. */
export function rangeOf(asked, now, zone) {
  if (!asked) return { from: null, to: null };
  const today = dayOf(now, zone);
  const at = (day) => (day ? startOfDay(day, zone) : null);
  const custom = CUSTOM.exec(asked);
  if (custom) return { from: at(custom[1]), to: custom[2] ? at(addDays(custom[2], 1)) : null };
  const tomorrow = addDays(today, 1);
  const [way, count] = asked.split("-"); // last-30
  const days = Number(count ?? 0);
  const first = { today, next: today, last: addDays(tomorrow, -days), month: `${today.slice(0, 7)}-01`, year: `${today.slice(0, 4)}-01-01` };
  return { from: at(first[way]), to: at(way === "next" ? addDays(today, days) : tomorrow) };
}

/** The filters as the API takes them, at this moment. */
export function filtersOf(query, now, zone) {
  const { period, statuses } = LISTS[tabOf(query)];
  const asked = listed(query.status).filter((one) => statuses.includes(one));
  const wanted = asked.length ? asked : tabOf(query) === "unconfirmed" ? statuses : [];
  const { from, to } = rangeOf(dateOf(query), now, zone);
  const field = byOf(query);
  const filters = {
    period, q: query.q, status: wanted.join(","), client: query.client, host: query.host, event_type_id: query.event,
    message: query.message, [`${field}_from`]: from?.toISOString(), [`${field}_to`]: to?.toISOString(),
  };
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value));
}

/** `Last 30 days`, `1 November 2026 – 30 November 2026`. */
export function dateInWords(asked, zone) {
  const custom = CUSTOM.exec(asked);
  if (!custom) return PRESETS[asked] ?? "";
  const [from, to] = custom.slice(1).map((day) => day && date(startOfDay(day, zone), zone));
  if (from === to) return from;
  return from && to ? `${from} – ${to}` : from ? `from ${from}` : `until ${to}`;
}

/** `Booking time from Sun, 1 November 2026, 00:00, Europe/Berlin (UTC+1), until before …`: both ends in full. */
export function rangeInWords(query, now, zone) {
  const { from, to } = rangeOf(dateOf(query), now, zone);
  return [BY[byOf(query)], from && `from ${moment(from, zone)}`, to && `until before ${moment(to, zone)}`].filter(Boolean).join(" ");
}

/** What of an address is a view that can be kept: not which booking is open, nor empty values. */
export function viewOf(query) {
  const kept = ["tab", "q", ...FILTERS].filter((key) => query[key]).map((key) => [key, query[key]]);
  return Object.fromEntries(kept);
}

/** Whether two addresses show the same list. */
export const sameView = (one, other) =>
  JSON.stringify(viewOf({ tab: "upcoming", ...one })) === JSON.stringify(viewOf({ tab: "upcoming", ...other }));

/** `3 bookings`, `more than 10,000 bookings`; "" while nobody knows. */
export function countInWords(count) {
  if (!count) return "";
  const number = count.count.toLocaleString("en");
  return `${count.more ? "more than " : ""}${number} booking${count.count === 1 && !count.more ? "" : "s"}`;
}

/** Whether a confirmation can be sent again. */
export const isConfirmable = (booking, now) => booking.status === "confirmed" && instant(booking.ends_at) > now;
