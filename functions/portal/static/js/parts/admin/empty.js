// A list without a row: why, and what to do about it.

import { html } from "../../data/preact.js";
import { FILTERS, dateInWords, dateOf, tabOf, withoutDate } from "../../words/filters.js";

const NONE = {
  upcoming: ["No upcoming bookings", "What is booked from now on shows up here."],
  unconfirmed: ["Nothing waits", "Bookings that need somebody's yes, or a payment, show up here."],
  past: ["No past bookings", "What has taken place shows up here."],
  cancelled: ["No cancelled bookings", "What was cancelled or declined shows up here."],
  all: ["No bookings yet", "The first one shows up here by itself."],
};

export function Empty({ query, set, zone }) {
  const asked = dateOf(query);
  const isFiltered = query.q || FILTERS.some((name) => name !== "date" && query[name]);
  if (!isFiltered && !asked) {
    const [title, sentence] = NONE[tabOf(query)];
    return html`<div class="empty"><h2>${title}</h2><p>${sentence}</p></div>`;
  }
  const clear = () => set({ q: "", ...Object.fromEntries(FILTERS.map((name) => [name, ""])), ...withoutDate(query) });
  return html`
    <div class="empty"><h2>${query.q ? html`No results found for “<bdi>${query.q}</bdi>”` : "No bookings match"}</h2>
      <p>${asked ? `Looked through: ${dateInWords(asked, zone)}.` : "Try different words or fewer filters."}</p>
      <p class="row center">${asked ? html`<button type="button" onClick=${() => set(withoutDate(query))}>Look at all dates</button>` : null}
        ${isFiltered ? html`<button type="button" onClick=${clear}>Clear search and filters</button>` : null}</p>
    </div>`;
}
