// The state of a message in words.

const STATES = {
  planned: ["Planned", "wait"],
  sending: ["Being sent", "wait"],
  unknown: ["In doubt", "wait"],
  failed: ["Failed", "bad"],
  sent: ["Sent", "good"],
  delivered: ["Delivered", "good"],
  bounced: ["Bounced", "bad"],
  complained: ["Marked as spam", "bad"],
  skipped: ["Not sent", "off"],
};
const KINDS = {
  requested: "Acknowledgement", confirmation: "Confirmation", rescheduled: "New time", updated: "Changed details",
  cancelled: "Cancellation", rejected: "Declined", pick_new_time: "Pick a new time", reminder: "Reminder",
};

/** `[value, text]` of every state. */
export const MESSAGE_STATES = Object.entries(STATES).map(([value, [text]]) => [value, text]);

/** → `{text, tone}`; tone: good | wait | bad | off. */
export function stateOf(message) {
  const [text, tone] = STATES[message.status] ?? [message.status, "off"];
  return { text, tone };
}

/** `Confirmation by e-mail`. */
export const kindOf = (message) => `${KINDS[message.kind] ?? message.kind} by ${message.channel === "sms" ? "text" : "e-mail"}`;
