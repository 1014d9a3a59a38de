// What would be sent for the next bookings: planned by the planner itself, so it cannot be told otherwise.

import { portal } from "../data/config.js";
import { html } from "../data/preact.js";
import { usePlan } from "../data/wishes.js";
import { useZone } from "../data/zone.js";
import { titleOf } from "../words/booking.js";
import { before } from "../words/reminders.js";
import { instant, moment } from "../words/time.js";
import { Skeleton } from "./page.js";
import { Slow, Trouble } from "./trouble.js";

const BOOKINGS = 3;
const CHANNELS = { email: "E-mail", sms: "Text" };

export function PlanPreview({ wishes }) {
  const plan = usePlan(wishes, BOOKINGS);
  return html`
    <section class="card plan" aria-labelledby="plan">
      <h2 id="plan">What you will get</h2>
      <p class="muted">For your next bookings, as chosen on this page.</p>
      <${Slow} slow=${plan.slow} />
      <${Trouble} problem=${plan.error} retry=${plan.reload} />
      ${!plan.data && plan.loading ? html`<${Skeleton} rows=${2} />` : null}
      <div aria-live="polite" aria-busy=${plan.loading ? "true" : "false"}>
        ${plan.data?.length === 0 ? html`<p>You have no upcoming bookings. <a href=${portal("/book")}>Book a time</a></p>` : null}
        ${plan.data?.map((one) => html`<${Planned} key=${one.booking.id} ...${one} />`)}
      </div>
    </section>`;
}

function Planned({ booking, messages }) {
  const zone = useZone();
  const start = instant(booking.starts_at);
  const told = messages.filter((message) => message.reason !== "opted_out"); // what is off on this page goes without saying
  return html`
    <h3><a href=${portal(`/bookings/${booking.id}`)}><bdi>${titleOf(booking)}</bdi></a></h3>
    <p class="muted">${moment(start, zone)}</p>
    <ul>
      ${told.map((message) => html`
        <li class=${message.status}>${message.status === "skipped" ? `${CHANNELS[message.channel]}${message.lead_minutes ? ` ${before(message.lead_minutes)}` : ""}: ` : ""}${message.says}</li>`)}
      ${told.length ? null : html`<li>Nothing more, unless the booking changes.</li>`}
    </ul>`;
}
