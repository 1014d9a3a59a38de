// When the jobs ran, and what they did.

import { html } from "../data/preact.js";
import { jobName, resultInWords } from "../words/health.js";
import { ago, instant, moment } from "../words/time.js";

// The scheduler calls both each minute.
const LATE = 10; // minutes

export function Jobs({ jobs, zone, now }) {
  return html`
    <section aria-labelledby="jobs">
      <h2 id="jobs">Jobs</h2>
      ${["reminders", "reconcile"].filter((job) => !jobs.some((one) => one.job === job)).map((job) => html`
        <p class="trouble" key=${job}><strong>${jobName(job)}:</strong> it has never run. Is the scheduler set up?</p>`)}
      ${jobs.map((job) => html`<${Job} key=${job.job} ...${{ job, zone, now }} />`)}
    </section>`;
}

function Job({ job, zone, now }) {
  const late = job.minutes_ago >= LATE;
  return html`
    <div class="card">
      <div class="row"><h3>${jobName(job.job)}</h3>
        <span class=${`badge ${late || job.error ? "bad" : "good"}`}>${late ? "Stands still" : job.error ? "Failed" : "Runs"}</span></div>
      <p>Last run <${When} at=${job.finished_at} ...${{ zone, now }} />. ${resultInWords(job.result)}.</p>
      ${job.error ? html`<p class="error">Error: <bdi>${job.error}</bdi></p>` : null}
      ${job.runs.length ? html`
        <details><summary>The last ${job.runs.length} runs that did something<span class="hidden">: ${jobName(job.job)}</span></summary>
          <ul>${job.runs.map((run) => html`
            <li class="item" key=${run.started_at}><${When} at=${run.started_at} ...${{ zone, now }} />${" · "}${seconds(run)}
              <p>${resultInWords(run.result)}</p>${run.error ? html`<p class="error">Error: <bdi>${run.error}</bdi></p>` : null}</li>`)}
          </ul>
        </details>` : null}
    </div>`;
}

/** How long ago, with the time in full. */
export function When({ at, zone, now }) {
  const then = instant(at);
  return html`<time datetime=${then.toISOString()} title=${moment(then, zone)}>${ago(then, now)}</time>`;
}

function seconds(run) {
  if (!run.finished_at) return "not finished";
  const spent = (instant(run.finished_at) - instant(run.started_at)) / 1000;
  return `took ${spent < 10 ? spent.toFixed(1) : Math.round(spent)} s`;
}
