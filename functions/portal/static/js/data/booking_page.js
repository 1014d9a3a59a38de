// One booking with all that belongs to it, and what may be done with it.

import { call, fetchFrom, rpc, table } from "./api.js";
import { Problem } from "./problem.js";

/** → `{booking, attendees, notes, timeline, actions, reach}`. Raises Problem, `not_found` among them. */
export async function readBooking(id, signal) {
  const page = await rpc("booking_page", { p_booking_id: id }, { signal });
  if (!page) throw new Problem("not_found", { status: 404 });
  return page;
}

export const cancel = (id, { scope, attendeeId, reason }) =>
  call("POST", "/cancel", { body: given({ booking_id: id, scope, attendee_id: attendeeId, reason: reason?.trim() }), seconds: 40 });

export const move = (id, { start, attendeeId, reason, zone }) =>
  call("POST", "/reschedule", {
    body: given({ booking_id: id, start: start.toISOString(), attendee_id: attendeeId, reason: reason?.trim(), time_zone: zone }),
    seconds: 40,
  });

/** → day (`2026-12-01`, in `zone`) → starts (Date). `from`, `to`: Date, at most 62 days apart. */
export async function freeTimes(id, { from, to, zone }, signal) {
  const query = { booking_id: id, from: from.toISOString(), to: to.toISOString(), time_zone: zone };
  return slotsOf(await call("GET", "/reschedule", { query, signal }));
}

export const slotsOf = ({ slots }) =>
  Object.fromEntries(Object.entries(slots ?? {}).map(([day, starts]) => [day, starts.map((start) => new Date(start))]));

/** The booking as a calendar file. → Blob */
export async function calendarFile(id) {
  return (await fetchFrom("GET", "/export", { query: { booking_id: id, format: "ics" } })).blob();
}

export function addNote(id, author, body, visibility) {
  return table("booking_notes", (notes) => notes.insert({ booking_id: id, author_id: author, body, visibility }));
}

export const makeFeed = () => call("POST", "/export/feed");
export const revokeFeed = () => call("DELETE", "/export/feed");

const given = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null && value !== ""));
