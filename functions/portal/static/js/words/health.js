// How the machinery does, in words and in series of days.

import { addDays, date, shortDate } from "./time.js";

/** A day (`2026-12-01`) as `Tue 1 Dec`, or short as `1 Dec`. */
export function dayLabel(day, { short = false } = {}) {
  if (!day) return "";
  const label = shortDate(new Date(`${day}T12:00:00Z`), "UTC");
  return short ? label.replace(/^\p{L}+,?\s/u, "") : label;
}

const inFull = (day) => date(new Date(`${day}T12:00:00Z`), "UTC");
export const count = (n, one, more = `${one}s`) => `${n.toLocaleString("en-GB")} ${n === 1 ? one : more}`;
const sum = (values) => values.reduce((all, value) => all + (value ?? 0), 0);
const percent = (part, all) => (all ? Math.round((1000 * part) / all) / 10 : null);

/** `count` days, the last of which is `last`. */
export const daysUntil = (last, count) => Array.from({ length: count }, (_, n) => addDays(last, n - count + 1));

/** The sum of `rows` (`{day, …}`) by day. */
function byDay(days, rows, valueOf = (row) => row.n) {
  const sums = new Map();
  for (const row of rows) sums.set(row.day, (sums.get(row.day) ?? 0) + Number(valueOf(row)));
  return days.map((day) => sums.get(day) ?? 0);
}

/** → `{sentence, series}` for a picture, as all of these. */
export function bookingsOf(health, days) {
  const series = [
    { name: "Made", color: "--accent", way: "up", values: byDay(days, health.bookings, (row) => row.made) },
    { name: "Moved", color: "--wait", mark: "stripes", way: "down", values: byDay(days, health.bookings, (row) => row.moved) },
    { name: "Cancelled", color: "--bad", mark: "grid", way: "down", values: byDay(days, health.bookings, (row) => row.cancelled) },
  ];
  const [made, moved, cancelled] = series.map((one) => sum(one.values));
  const best = Math.max(...series[0].values);
  const sentence = made + moved + cancelled === 0 ? "No booking was made, moved or cancelled in these days."
    : `${count(made, "booking")} made, ${moved} moved, ${cancelled} cancelled.`
      + (best > 1 ? ` The most on one day: ${best}, on ${inFull(days[series[0].values.indexOf(best)])}.` : "");
  return { sentence, series };
}

const FATES = [
  ["Arrived", ["delivered"], "--good", "plain"],
  ["Accepted", ["sent"], "--accent", "stripes"],
  ["Waiting", ["planned", "sending"], "--wait", "dots"],
  ["Lost or in doubt", ["failed", "bounced", "complained", "unknown"], "--bad", "grid"],
  ["Left out", ["skipped"], "--edge", "dots"],
];

export function messagesOf(health, days) {
  const series = FATES.map(([name, states, color, mark]) => ({
    name, color, mark, way: "up", values: byDay(days, health.messages.filter((row) => states.includes(row.status))),
  }));
  const [arrived, accepted, waiting, lost, left] = series.map((one) => sum(one.values));
  const all = arrived + accepted + waiting + lost + left;
  const why = tally(health.messages.filter((row) => row.status === "skipped"), (row) => row.reason);
  const most = why[0] ? `, mostly because of “${why[0][0].replaceAll("_", " ")}”` : "";
  return {
    series,
    sentence: all === 0 ? "No message was due in these days."
      : `${count(all, "message")}: ${arrived} arrived, ${accepted} were accepted by the provider and not reported on yet, ${waiting} wait, `
        + `${lost} ${lost === 1 ? "was" : "were"} lost or marked as spam or ${lost === 1 ? "is" : "are"} in doubt, ${left} ${left === 1 ? "was" : "were"} left out on purpose${left > 1 && why.length > 1 ? most : ""}.`,
  };
}

const ARRIVED = ["delivered", "complained"]; // what is marked as spam was delivered first
const LOST = ["bounced", "failed"];

export function deliveryOf(health, days) {
  const channels = [["email", "E-mail", "--accent", "plain"], ["sms", "Texts", "--good", "dashed"]];
  const series = channels.map(([channel, name, color, mark]) => {
    const rows = health.messages.filter((row) => row.channel === channel);
    const arrived = byDay(days, rows.filter((row) => ARRIVED.includes(row.status)));
    const lost = byDay(days, rows.filter((row) => LOST.includes(row.status)));
    return { name, color, mark, way: "line", values: arrived.map((n, day) => percent(n, n + lost[day])) };
  });
  const sentence = channels.map(([channel, name]) => {
    const { delivered = 0, lost = 0, open = 0 } = health.delivery[channel] ?? {};
    const still = open ? `; of ${open} the end is not known yet` : "";
    return delivered + lost === 0 ? `${name}: nothing that is known to have arrived or not${still}.`
      : `${name}: ${percent(delivered, delivered + lost)} % arrived (${delivered} of ${delivered + lost})${still}.`;
  }).join(" ");
  return { sentence, series };
}

const OUTCOMES = [
  ["Applied", "applied", "--good", "plain"],
  ["Nothing new", "duplicate", "--accent", "stripes"],
  ["Not about bookings", "ignored", "--edge", "dots"],
  ["Quarantined", "quarantined", "--bad", "grid"],
];

export function webhooksOf(health, days) {
  const series = OUTCOMES.map(([name, outcome, color, mark]) => ({
    name, color, mark, way: "up", values: byDay(days, health.webhooks.filter((row) => row.outcome === outcome)),
  }));
  const [applied, duplicate, ignored, quarantined] = series.map((one) => sum(one.values));
  const all = applied + duplicate + ignored + quarantined;
  return {
    series,
    sentence: all === 0 ? "No webhook came in these days."
      : `${count(all, "webhook")} came: ${applied} applied, ${duplicate} told nothing new, ${ignored} not about bookings, ${quarantined} in quarantine.`,
  };
}

/** `[[key, n]]`, the most first. */
function tally(rows, keyOf) {
  const sums = {};
  for (const row of rows) sums[keyOf(row)] = (sums[keyOf(row)] ?? 0) + Number(row.n);
  return Object.entries(sums).sort((a, b) => b[1] - a[1]);
}

export const OUTCOME = {
  applied: ["Applied", "good"], duplicate: ["Nothing new", "off"], ignored: ["Not about bookings", "off"], quarantined: ["Quarantined", "bad"],
};

const JOBS = { reminders: "Sweep: messages and second tries", reconcile: "Comparison with Cal.com" };
export const jobName = (job) => JOBS[job] ?? job;

/** `Sent 9, failed 1`: what a run did, without what is 0. */
export function resultInWords(result) {
  const done = Object.entries(result ?? {}).filter(([, value]) => typeof value === "number" && value > 0)
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`);
  if (result?.checked?.bookings) done.unshift(`compared ${count(result.checked.bookings, "booking")}`);
  const words = done.join(", ") || "nothing was to be done";
  return words[0].toUpperCase() + words.slice(1);
}

const DOUBTS = {
  resent: "A copy of an older message, or really the same again?",
  seat_cancelled: "Who left a booking with seats?",
  move_names_nobody: "A move that does not say whose",
  move_rejected: "A move that the host declined",
  series_without_id: "A series was cancelled without naming it",
  two_heads: "Two versions of one booking",
  unknown_booking: "A message about a booking that nobody knows",
  uncertain_action: "An action whose answer did not come",
};
export const doubtInWords = (kind) => DOUBTS[kind] ?? kind;
const ENDS = { read: "Cal.com was asked, and its answer recorded", unknown_there: "Cal.com does not know it: what webhooks told stands" };
export const doubtEnded = (outcome) => ENDS[outcome] ?? outcome;

const DRIFTS = { missing: "We did not have it", stale: "We had it otherwise", ghost: "Cal.com does not know it" };
const CAUSES = {
  webhook_not_applied: "its webhook came and could not be applied", action_uncertain: "an action was in doubt",
  bodies_undecided: "what the webhooks told was in doubt", webhook_missing: "its webhook never came", unknown_there: "only webhooks told of it",
};
const DONE = { healed: "Healed", would_heal: "Would be healed", failed: "Could not be healed", reported: "Only reported" };
export const driftKind = (kind) => DRIFTS[kind] ?? kind;
export const driftCause = (cause) => CAUSES[cause] ?? cause;
export const driftDone = (done) => ({ text: DONE[done] ?? done, tone: { healed: "good", failed: "bad" }[done] ?? "wait" });
