// How the machinery does, for admins: pictures of the days, jobs, drift and doubts, and webhooks that can be replayed.

import { rpc } from "../data/api.js";
import { useLoad, useQuery } from "../data/load.js";
import { html } from "../data/preact.js";
import { useZone } from "../data/zone.js";
import { SweepBanner } from "../parts/banner.js";
import { Doubts, Drift } from "../parts/drift.js";
import { Jobs, When } from "../parts/jobs.js";
import { Skeleton, mount } from "../parts/page.js";
import { Pictures } from "../parts/pictures.js";
import { Slow, Trouble } from "../parts/trouble.js";
import { Webhooks } from "../parts/webhooks.js";
import { ZoneLine } from "../parts/zone_line.js";
import { daysUntil } from "../words/health.js";
import { addDays, dayOf, startOfDay } from "../words/time.js";

const RANGES = [7, 30, 90]; // days, today among them

function Health() {
  const [query, setQuery] = useQuery();
  const zone = useZone();
  const now = new Date();
  const today = dayOf(now, zone);
  const count = RANGES.find((one) => String(one) === query.days) ?? 30;
  const days = daysUntil(today, count);
  const from = startOfDay(days[0], zone);
  const { data: health, error, slow, loading, reload } = useLoad((signal) => rpc("health",
    { p_from: from.toISOString(), p_to: startOfDay(addDays(today, 1), zone).toISOString(), p_time_zone: zone }, { signal })
    .then((answer) => ({ ...answer, days })), `${days[0]} ${today} ${zone}`, { poll: true });

  return html`
    <div class="heading"><h1>Health</h1><${Range} chosen=${count} choose=${(one) => setQuery({ days: one === 30 ? "" : one })} /></div>
    <${ZoneLine} now=${now} />
    <div aria-busy=${loading ? "true" : "false"}>
      <${Slow} slow=${slow} />
      <${Trouble} problem=${error} retry=${reload} />
      ${health ? html`
        <${Now} health=${health} zone=${zone} now=${now} />
        <section aria-labelledby="pictures"><h2 id="pictures">The last ${health.days.length} days</h2><${Pictures} health=${health} days=${health.days} /></section>`
      : error ? null : html`<${Skeleton} rows="6" />`}
    </div>
    <${Webhooks} quarantined=${health?.quarantined} changed=${() => reload({ quiet: true })} ...${{ query, setQuery, zone, now }} />
    <div class="halves">
      <div>${health ? html`<${Jobs} jobs=${health.jobs} ...${{ zone, now }} />` : null}</div>
      <div>
        <${Drift} last=${health?.drift} ...${{ from, zone, now }} />
        <${Doubts} open=${health?.doubts.open} ...${{ zone, now }} />
      </div>
    </div>`;
}

function Range({ chosen, choose }) {
  return html`
    <div class="range" role="group" aria-label="Which days">
      ${RANGES.map((one) => html`<button type="button" key=${one} aria-pressed=${one === chosen ? "true" : "false"} onClick=${() => choose(one)}>${one} days</button>`)}
    </div>`;
}

/** What is so right now, in numbers; what is wrong says so in words. */
function Now({ health, zone, now }) {
  const sweep = health.jobs.find((job) => job.job === "reminders");
  const waiting = Object.values(health.backlog).reduce((all, n) => all + n, 0);
  const texts = health.backlog.sms ?? 0;
  return html`
    <ul class="tiles" aria-label="Right now">
      <${Tile} name="Last sweep" bad=${!sweep || sweep.minutes_ago >= 10} value=${sweep ? html`<${When} at=${sweep.finished_at} ...${{ zone, now }} />` : "Never"} />
      <${Tile} name="Messages due and not sent" bad=${waiting > 1000} value=${waiting} note=${texts ? `${texts} of them texts` : ""} />
      <${Tile} name="In quarantine" bad=${health.quarantined > 0} value=${health.quarantined} href="#webhooks" />
      <${Tile} name="Doubts" value=${health.doubts.open} href="#doubts" />
    </ul>`;
}

function Tile({ name, value, note, bad, href }) {
  return html`<li class=${`card tile${bad ? " bad" : ""}`}>
    <span class="muted">${href ? html`<a href=${href}>${name}</a>` : name}</span><b>${value}</b>
    <small>${[bad ? "Needs a look" : "", note].filter(Boolean).join(" · ")}</small></li>`;
}

mount(Health, { title: "Health", needs: "admin", wide: true, Banner: SweepBanner });
