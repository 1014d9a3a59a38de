// The team's list of bookings: one set of filters for its rows, how many they are, and their ids.

import { rpc, table } from "./api.js";

export const findBookings = (filters, cursor, size, signal) =>
  rpc("find_bookings", { p_filters: { ...filters, page_cursor: cursor, page_size: size } }, { signal });

/** → `{count, more}`; more: there are more than were counted. */
export const countBookings = (filters, signal) => rpc("count_bookings", { p_filters: filters }, { signal });

/** → `{ids, more}`: at most `limit` of those that the caller runs. */
export const matchingBookings = (filters, limit) => rpc("matching_bookings", { p_filters: filters, p_limit: limit });

/** → `{event_types: [{id, title}], hosts: [{email, name}]}`: what can be chosen. */
export const filterChoices = (signal) => rpc("filter_choices", {}, { signal });

/** What bookings are called and when they are: `{id: {title, event_type_title, starts_at, ends_at, status}}`. */
export async function namesOf(ids) {
  const rows = await table("bookings", (t) => t.select("id, title, event_type_title, starts_at, ends_at, status").in("id", ids));
  return Object.fromEntries(rows.map(({ id, ...row }) => [id, row]));
}
