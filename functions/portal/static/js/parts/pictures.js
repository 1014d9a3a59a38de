// How the days went, as pictures.

import { html } from "../data/preact.js";
import { bookingsOf, deliveryOf, messagesOf, webhooksOf } from "../words/health.js";
import { Figure } from "./chart.js";

export function Pictures({ health, days }) {
  return html`<div class="pictures">
    <${Figure} title="Bookings per day" days=${days} ...${bookingsOf(health, days)} />
    <${Figure} title="Messages by state" days=${days} ...${messagesOf(health, days)} />
    <${Figure} title="Delivery rate" unit=" %" most=${100} days=${days} ...${deliveryOf(health, days)} />
    <${Figure} title="Webhooks by outcome" days=${days} ...${webhooksOf(health, days)} />
  </div>`;
}
