// A booking in words: its status, its people, its place.

import { instant } from "./time.js";

const STATUS = {
  pending: ["Awaiting confirmation", "wait"],
  awaiting_payment: ["Awaiting payment", "wait"],
  confirmed: ["Confirmed", "good"],
  cancelled: ["Cancelled", "off"],
  rejected: ["Declined", "off"],
};
const OVER = ["cancelled", "rejected"];

export const isOver = (booking) => OVER.includes(booking.status);
export const isPast = (booking, now) => instant(booking.ends_at) <= now;
export const isLive = (booking) => !isOver(booking);

/** → `{text, tone}`; tone: good | wait | off. */
export function statusOf(booking, now) {
  if (booking.removed) return { text: "You are no longer in it", tone: "off" };
  if (booking.reschedule_requested) return { text: "Waiting for a new time", tone: "wait" };
  if (booking.status === "confirmed" && now && isPast(booking, now)) return { text: "Took place", tone: "off" };
  const [text, tone] = STATUS[booking.status] ?? [booking.status, "off"];
  return { text, tone };
}

export const STATUSES = Object.entries(STATUS).map(([value, [text]]) => ({ value, text }));

const BY = { client: "by the client", staff: "by the team", calcom: "on Cal.com", system: "automatically" };

/** `Cancelled by the team: "reason"`. */
export function endedBy(booking) {
  const by = BY[booking.cancelled_by];
  return `${booking.status === "rejected" ? "Declined" : "Cancelled"}${by ? ` ${by}` : ""}`;
}

/** Where it takes place: `{href, text}`; null if nobody said. Only addresses of the web become links. */
export function placeOf(booking) {
  const link = [booking.meeting_url, booking.location].find((one) => /^https?:\/\//i.test(one ?? ""));
  if (link) return { href: link, text: `Online: ${hostOf(link)}` };
  const place = (booking.location ?? "").trim();
  if (!place) return null;
  const app = /^integrations?:(.+)$/.exec(place);
  if (app) return { text: `Online (${app[1].replace(/[_:]/g, " ").replace(/ video$/, "")})` };
  if (/^\+?[0-9 ()/-]{6,}$/.test(place)) return { href: `tel:${place.replace(/[^+0-9]/g, "")}`, text: place };
  return { text: place };
}

function hostOf(link) {
  try {
    return new URL(link).hostname;
  } catch {
    return "link";
  }
}

/** Whether it is time to join: from 15 minutes before the start to the end. */
export function canJoin(booking, now) {
  return isLive(booking) && /^https?:/i.test(placeOf(booking)?.href ?? "")
    && instant(booking.starts_at) - now <= 15 * 60_000 && !isPast(booking, now);
}

/** What it is called. */
export const titleOf = (booking) => booking.title || booking.event_type_title || "Booking";

/** The first who is not a guest, else the first at all. */
export function clientOf(booking) {
  const people = (booking.attendees ?? []).filter((person) => !person.removed_at);
  return people.find((person) => person.role !== "guest") ?? people[0] ?? booking.attendees?.[0] ?? null;
}

export const nameOf = (person) => person?.name || person?.email || person?.phone || "Somebody";
