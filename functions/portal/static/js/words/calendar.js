// Links that open a filled-in new entry in Google's and Microsoft's calendars, as in our mails.

import { placeOf, titleOf } from "./booking.js";
import { instant } from "./time.js";

const extended = (at) => at.toISOString().replace(/\.\d+Z/, "Z");
const compact = (at) => extended(at).replace(/[-:]/g, "");

function place(booking) {
  const found = placeOf(booking);
  return found?.href?.startsWith("http") ? found.href : found?.text ?? "";
}

export function google(booking, details) {
  const dates = `${compact(instant(booking.starts_at))}/${compact(instant(booking.ends_at))}`;
  const fields = { action: "TEMPLATE", text: titleOf(booking), dates, details, location: place(booking) };
  return `https://calendar.google.com/calendar/render?${new URLSearchParams(fields)}`;
}

/** `host`: outlook.live.com for private accounts, outlook.office.com for work. */
export function microsoft(host, booking, details) {
  const fields = {
    path: "/calendar/action/compose", rru: "addevent", subject: titleOf(booking),
    startdt: extended(instant(booking.starts_at)), enddt: extended(instant(booking.ends_at)), body: details, location: place(booking),
  };
  return `https://${host}/calendar/0/deeplink/compose?${new URLSearchParams(fields)}`;
}
