// Times in words. Values in, values out: instants are Date, zones are IANA names.

// The pages speak English; whether hours count to 12 or 24, and in which order a date is written, is the reader's.
const READER = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions();
const LANGUAGE = READER.locale.startsWith("en") ? READER.locale : "en-GB";
const HOURS = ["h11", "h12"].includes(READER.hourCycle) ? { hour: "numeric", hourCycle: "h12" } : { hour: "2-digit", hourCycle: "h23" };

const formats = new Map();

function format(zone, options) {
  const key = `${zone} ${JSON.stringify(options)}`;
  if (!formats.has(key)) {
    formats.set(key, new Intl.DateTimeFormat(LANGUAGE, { timeZone: zone, ...options }));
  }
  return formats.get(key);
}

/** An instant as the API writes it, with a `T` or a space: `2026-12-01 10:00:00+00`. Null stays null. */
export function instant(text) {
  if (!text) return null;
  if (text instanceof Date) return text;
  return new Date(text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00"));
}

/** `09:00` or `9:00 AM`. */
export const clock = (at, zone) => format(zone, { ...HOURS, minute: "2-digit" }).format(at);

/** `Tue, 1 December 2026`. */
export const date = (at, zone) =>
  format(zone, { weekday: "short", day: "numeric", month: "long", year: "numeric" }).format(at);

/** `Tue 1 Dec`, for where the year is plain. */
export const shortDate = (at, zone) => format(zone, { weekday: "short", day: "numeric", month: "short" }).format(at);

/** `{weekday: "Tue", day: "1", month: "Dec", year: "2026"}`, for the block beside a booking. */
export function dateBlock(at, zone) {
  const parts = format(zone, { weekday: "short", day: "numeric", month: "short", year: "numeric" }).formatToParts(at);
  return Object.fromEntries(parts.filter((part) => part.type !== "literal").map((part) => [part.type, part.value]));
}

/** `2026-12-01`: the day of an instant in a zone. Days compare as text. */
export function dayOf(at, zone) {
  const { year, month, day } = Object.fromEntries(
    format(zone, { year: "numeric", month: "2-digit", day: "2-digit" }).formatToParts(at).map((part) => [part.type, part.value]),
  );
  return `${year}-${month}-${day}`;
}

/** How many days later the second instant's day is, in that zone. */
export function daysBetween(first, second, zone) {
  return Math.round((Date.parse(dayOf(second, zone)) - Date.parse(dayOf(first, zone))) / 86_400_000);
}

/** `09:00 – 09:30`, `23:30 – 00:30 (next day)`. */
export function span(start, end, zone) {
  const days = daysBetween(start, end, zone);
  const crossing = days === 1 ? " (next day)" : days > 1 ? ` (${days} days later)` : "";
  return `${clock(start, zone)} – ${clock(end, zone)}${crossing}`;
}

/** `UTC+1`, `UTC−3:30`: what the zone is at that instant. */
export function offset(at, zone) {
  const minutes = offsetMinutes(at, zone);
  if (!minutes) return "UTC";
  const rest = Math.abs(minutes) % 60;
  return `UTC${minutes < 0 ? "−" : "+"}${Math.trunc(Math.abs(minutes) / 60)}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
}

function offsetMinutes(at, zone) {
  const part = format(zone, { timeZoneName: "longOffset" })
    .formatToParts(at).find((one) => one.type === "timeZoneName").value; // GMT, GMT+05:45
  const [, sign, hours, minutes] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(part);
  return sign ? (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) : 0;
}

/** `Europe/Paris (UTC+1)`: always said beside a time. */
export const zoneName = (at, zone) => (zone === "UTC" ? "UTC" : `${zone.replaceAll("_", " ")} (${offset(at, zone)})`);

/** `Tue, 1 December 2026, 09:00, Europe/Paris (UTC+1)`: one instant in full. */
export const moment = (at, zone) => `${date(at, zone)}, ${clock(at, zone)}, ${zoneName(at, zone)}`;

/** `Today`, `Tomorrow`, `Yesterday`, else the date. */
export function dayInWords(at, now, zone) {
  const away = daysBetween(now, at, zone);
  return { "-1": "Yesterday", 0: "Today", 1: "Tomorrow" }[away] ?? date(at, zone);
}

const relative = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });
const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3600], ["minute", 60]];

/** `in 3 days`, `2 hours ago`, `just now`. */
export function ago(at, now) {
  const seconds = (at - now) / 1000;
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return seconds < 0 ? "just now" : "in a moment";
}

/** Minutes as `1 hour 30 minutes`, `2 days`. */
export function minutes(count) {
  const parts = [["day", 1440], ["hour", 60], ["minute", 1]].map(([unit, size], place, all) => {
    const rest = place ? count % all[place - 1][1] : count;
    return [Math.trunc(rest / size), unit];
  });
  return parts.filter(([n]) => n).map(([n, unit]) => `${n} ${unit}${n === 1 ? "" : "s"}`).join(" ") || "0 minutes";
}

/** The instant at which a day (`2026-12-01`) begins in a zone: where clocks skip midnight, its first instant. */
export function startOfDay(day, zone) {
  const guess = Date.parse(`${day}T00:00:00Z`);
  let at = guess - offsetMinutes(new Date(guess), zone) * 60_000;
  at = guess - offsetMinutes(new Date(at), zone) * 60_000;
  while (dayOf(new Date(at), zone) < day) at += 900_000;
  while (dayOf(new Date(at - 900_000), zone) >= day) at -= 900_000;
  return new Date(at);
}

/** The day so many days after this one. */
export function addDays(day, count) {
  return new Date(Date.parse(`${day}T12:00:00Z`) + count * 86_400_000).toISOString().slice(0, 10);
}

/** The Monday of a day's week. */
export function mondayOf(day) {
  const weekday = new Date(`${day}T12:00:00Z`).getUTCDay(); // 0: Sunday
  return addDays(day, -((weekday + 6) % 7));
}
