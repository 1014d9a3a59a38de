// A booking into one's calendar: as a file, at Google or Outlook, or all of them by a feed.

import { config } from "../data/config.js";
import { calendarFile } from "../data/booking_page.js";
import { save } from "../data/download.js";
import { useAction } from "../data/load.js";
import { html } from "../data/preact.js";
import { google, microsoft } from "../words/calendar.js";
import { Drop } from "./drop.js";
import { Trouble } from "./trouble.js";

/** `subscribe`: what opens the dialog of the feed. */
export function CalendarMenu({ booking, subscribe }) {
  const file = useAction(async () => save(await calendarFile(booking.id), "booking.ics"));
  const details = `${config.portal_url}/bookings/${booking.id}`;
  const places = [
    ["Google Calendar", google(booking, details)],
    ["Outlook.com", microsoft("outlook.live.com", booking, details)],
    ["Outlook at work", microsoft("outlook.office.com", booking, details)],
  ];
  return html`
    <${Drop} text="Add to calendar" label="Add to calendar">
      ${(close) => html`<div class="choices">
        <button type="button" class="quiet" onClick=${() => file.run().then(close)}>Download .ics</button>
        ${places.map(([name, link]) => html`<a class="button quiet" href=${link} target="_blank" rel="noreferrer noopener" onClick=${close}>${name}</a>`)}
        <button type="button" class="quiet" onClick=${() => { close(); subscribe(); }}>Subscribe to all my bookings</button>
      </div>`}
    <//>
    <${Trouble} problem=${file.error} />`;
}
