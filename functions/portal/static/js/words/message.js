// A message in words: what it is, and how it stands. What became of it in a sentence is what the API `says`.

import { minutes } from "./time.js";

const KINDS = {
  requested: "Request received", confirmation: "Confirmation", rescheduled: "New time", updated: "Changed details",
  cancelled: "Cancellation", rejected: "Declined", pick_new_time: "Pick a new time", reminder: "Reminder",
};
const CHANNELS = { email: "E-mail", sms: "Text" };
const STATUSES = {
  planned: ["Planned", "wait"],
  sending: ["Being sent", "wait"],
  unknown: ["In doubt", "wait"],
  sent: ["Sent", "good"],
  delivered: ["Delivered", "good"],
  failed: ["Failed", "bad"],
  bounced: ["Bounced", "bad"],
  complained: ["Marked as spam", "bad"],
  skipped: ["Not sent", "off"],
};

/** `[value, text]` of every status. */
export const MESSAGE_STATUSES = Object.entries(STATUSES).map(([value, [text]]) => [value, text]);

export const channelName = (channel) => CHANNELS[channel] ?? channel;

/** `Reminder, 1 day before`. */
export function kindInWords(message) {
  const kind = KINDS[message.kind] ?? message.kind;
  return message.lead_minutes == null ? kind : `${kind}, ${minutes(message.lead_minutes)} before`;
}

/** → `{text, tone}`; tone: good | wait | bad | off. */
export function messageStatus(status) {
  const [text, tone] = STATUSES[status] ?? [status, "off"];
  return { text, tone };
}
