// What one may do with a booking, and until when, in sentences. The rules are the server's: booking_actions.

import { instant, moment } from "./time.js";

const CANNOT = {
  already_cancelled: null, // the page says so anyway
  not_allowed: "Only who booked can change it.",
  too_many_moves: "This booking has been moved as often as is possible online.",
};

/** Why it can not be done, as one sentence, or null. `verb`: cancel | move; `action`: that member of booking_actions. */
export function refusalInWords(verb, action, contact, zone) {
  if (!action || action.allowed) return null;
  const until = instant(action.until);
  const sentence = action.reason === "too_late"
    ? `You could ${verb} online until ${moment(until, zone)}.`
    : CANNOT[action.reason];
  if (!sentence) return null;
  return contact && action.reason !== "not_allowed" ? `${sentence} Call or write to ${contact}.` : sentence;
}

/** Until when it can be done, if that is before the start. */
export function limitInWords(verb, action, booking, zone) {
  if (!action?.allowed || !action.until || instant(action.until) >= instant(booking.starts_at)) return null;
  return `You can ${verb} online until ${moment(instant(action.until), zone)}.`;
}
