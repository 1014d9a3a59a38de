// What happened to a booking, in sentences. A sentence is a list of words; what people wrote stands apart: {said}.

import { instant, moment } from "./time.js";

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
const ROLES = { staff: "team", client: "client" };

export const iconOf = (entry) => (entry.entry === "message" ? (entry.channel === "sms" ? "☏" : "✉") : ICONS[entry.kind] ?? "•");

/** What happened: `{who, text}`; `who` is the person whom it is about, or null. */
export function eventInWords(entry, zone) {
  const about = ["attendee_added", "attendee_removed", "no_show"].includes(entry.kind);
  const text = SENTENCES[entry.kind] ?? entry.kind;
  const [from, to] = entry.changes?.starts_at ?? [];
  const times = entry.kind === "moved" && from && to ? ` from ${moment(instant(from), zone)} to ${moment(instant(to), zone)}` : "";
  return { who: about ? entry.attendee_name || "Somebody" : null, text: text + times };
}

/** By whom: `Hanna Host (team)`, `Cal.com`, or "". */
export function actorOf(entry) {
  if (entry.actor_kind === "calcom") return "Cal.com";
  if (entry.actor_kind === "system") return "automatic";
  const role = ROLES[entry.actor_kind];
  return entry.actor ? `${entry.actor}${role ? ` (${role})` : ""}` : role ?? "";
}

/** What changed beside the time of a move: `[field, old, new]`. */
export function changesOf(entry, zone) {
  const times = ["starts_at", "ends_at"];
  return Object.entries(entry.changes ?? {})
    .filter(([field, change]) => FIELDS[field] && Array.isArray(change) && !(entry.kind === "moved" && times.includes(field)))
    .filter(([, [before]]) => before != null && before !== "")
    .map(([field, values]) => [FIELDS[field], ...values.map((value) =>
      value == null || value === "" ? "none" : times.includes(field) ? moment(instant(value), zone) : String(value))]);
}
