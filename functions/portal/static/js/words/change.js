// What a replay changes, in words.

import { instant, moment } from "./time.js";

const FIELDS = {
  status: "Status", starts_at: "Start", ends_at: "End", title: "Title", description: "Description", location: "Place", meeting_url: "Link",
  host_name: "Host", host_email: "Host's address", host_time_zone: "Host's time zone", cancellation_reason: "Reason", cancelled_by: "Cancelled by",
  reschedule_requested: "Waits for a new time", revision: "Calendar revision", seats: "Seats", series_id: "Series", ical_uid: "Calendar UID",
  event_type_id: "Event type", event_type_slug: "Event type's link", event_type_title: "Event type's title", removed_at: "Left", absent: "Did not come",
  time_zone: "Time zone", locale: "Language", responses: "Answers",
};
export const fieldName = (field) => FIELDS[field] ?? field.replaceAll("_", " ");

/** `[field, [old, new]]` of each changed field, what matters most first. */
export function inOrder(fields) {
  const places = Object.keys(FIELDS);
  const place = (field) => (field in FIELDS ? places.indexOf(field) : places.length);
  return Object.entries(fields).sort(([a], [b]) => place(a) - place(b));
}

/** A value as people read it; null is "nothing". */
export function valueInWords(field, value, zone) {
  if (value == null || value === "") return "nothing";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (field.endsWith("_at") && !Number.isNaN(instant(value).getTime())) return moment(instant(value), zone);
  if (typeof value === "object") return JSON.stringify(value);
  return String(value).replaceAll("_", field === "status" ? " " : "_");
}

const OUTCOMES = {
  applied: ["changes something", "good"],
  duplicate: ["tells nothing new", "off"],
  ignored: ["is not about a booking", "off"],
  quarantined: ["cannot be applied", "bad"],
  no_body: ["is gone: its body is not kept", "bad"],
  not_found: ["does not exist any more", "bad"],
};
/** → `{text, tone}`: what an event is good for. */
export function outcomeInWords(outcome) {
  const [text, tone] = OUTCOMES[outcome] ?? [outcome, "off"];
  return { text, tone };
}

/** `[value, text]`: who is to hear of what a replay changes. */
export const NOTIFY = [
  ["reminders", "Reminders, and news under 2 h old"],
  ["all", "All that people have not been told"],
  ["none", "None: nobody hears of it"],
];
