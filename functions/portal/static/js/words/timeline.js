// What happened to a booking, in words. What people wrote stays apart from ours.

import { clock, date, instant, moment, offset } from "./time.js";

const SENTENCES = {
  created: "Booked", requested: "Requested", confirmed: "Confirmed", awaiting_payment: "Waiting for payment", paid: "Paid",
  moved: "Moved", cancelled: "Cancelled", rejected: "Declined", reschedule_requested: "Asked for a new time",
  place_changed: "Place changed", host_changed: "Host changed", attendee_added: "joined", attendee_removed: "left",
  no_show: "did not come", started: "Meeting began", ended: "Meeting ended", note_added: "Note added",
  details_changed: "Details changed", merged: "Turned out to be the same booking as another",
};
const ICONS = {
  created: "+", requested: "?", confirmed: "✓", awaiting_payment: "€", paid: "€", moved: "→", cancelled: "✕", rejected: "✕",
  reschedule_requested: "↺", place_changed: "⌂", host_changed: "⇄", attendee_added: "+", attendee_removed: "−", no_show: "∅",
  started: "▶", ended: "■", note_added: "✎", details_changed: "✎", merged: "⇉",
};
const FIELDS = {
  title: "Title", description: "Description", location: "Place", meeting_url: "Link", host_name: "Host",
  starts_at: "Start", ends_at: "End", seats: "Seats", event_type_title: "Kind",
};
const LONGEST = 200; // letters of a value that has changed
const ROLES = { staff: "team", client: "client" };

export const iconOf = (entry) => (entry.entry === "message" ? (entry.channel === "sms" ? "☏" : "✉") : ICONS[entry.kind] ?? "•");

/** What happened: `{who, text}`; `who` is the person whom it is about, or null. */
export function eventInWords(entry) {
  const about = ["attendee_added", "attendee_removed", "no_show"].includes(entry.kind);
  return { who: about ? entry.attendee_name || "Somebody" : null, text: SENTENCES[entry.kind] ?? entry.kind };
}

/** By whom: `Hanna Host (team)`, `Cal.com`, or "". */
export function actorOf(entry) {
  if (entry.actor_kind === "calcom") return "Cal.com";
  if (entry.actor_kind === "system") return "automatic";
  const role = ROLES[entry.actor_kind];
  return entry.actor ? `${entry.actor}${role ? ` (${role})` : ""}` : role ?? "";
}

/** What changed: `[field, old, new]`. Of a move the new end and link go without saying. */
export function changesOf(entry, zone) {
  return Object.entries(entry.changes ?? {})
    .filter(([field, change]) => FIELDS[field] && Array.isArray(change) && !(entry.kind === "moved" && ["ends_at", "meeting_url"].includes(field)))
    .filter(([, [before]]) => before != null && before !== "")
    .map(([field, [before, after]]) => [FIELDS[field],
      ...(field === "starts_at" || field === "ends_at" ? timesInWords(before, after, zone) : [before, after].map(valueInWords))]);
}

/** The zone is said once, unless the clocks have changed between the two. */
function timesInWords(before, after, zone) {
  const [from, to] = [instant(before), instant(after)];
  if (!to) return [moment(from, zone), "none"];
  return [offset(from, zone) === offset(to, zone) ? `${date(from, zone)}, ${clock(from, zone)}` : moment(from, zone), moment(to, zone)];
}

function valueInWords(value) {
  const letters = [...String(value ?? "none")];
  return letters.length > LONGEST ? `${letters.slice(0, LONGEST).join("")} …` : letters.join("") || "none";
}
