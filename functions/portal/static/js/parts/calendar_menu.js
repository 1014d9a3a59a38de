// A booking into one's calendar: as a file, at Google or Outlook, or all of them by a feed.

import { config } from "../data/config.js";
import { calendarFile } from "../data/booking_page.js";
import { save } from "../data/download.js";
import { useAction } from "../data/load.js";
import { html } from "../data/preact.js";
import { google, microsoft } from "../words/calendar.js";
import { Trouble } from "./trouble.js";

export function CalendarMenu({ booking, subscribe = null }) {
  const file = useAction(async () => save(await calendarFile(booking.id), "booking.ics"));
  const details = `${config.portal_url}/bookings/${booking.id}`;
  return html`
    <details class="drop-menu"><summary class="button">Add to calendar</summary>
      <div class="menu-sheet">
        <button type="button" class="quiet" disabled=${file.running} onClick=${file.run}>Download .ics</button>
        <a class="button quiet" href=${google(booking, details)} target="_blank" rel="noreferrer noopener">Google Calendar</a>
        <a class="button quiet" href=${microsoft("outlook.live.com", booking, details)} target="_blank" rel="noreferrer noopener">Outlook.com</a>
        <a class="button quiet" href=${microsoft("outlook.office.com", booking, details)} target="_blank" rel="noreferrer noopener">Outlook at work</a>
        ${subscribe ? html`<button type="button" class="quiet" onClick=${subscribe}>Subscribe to all my bookings</button>` : null}
      </div>
    </details>
    <${Trouble} problem=${file.error} />`;
}
