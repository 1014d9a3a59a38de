// Told on every page of the team: no reminders leave, since what sends them does not run.

import { rpc } from "../data/api.js";
import { portal } from "../data/config.js";
import { useLoad } from "../data/load.js";
import { html } from "../data/preact.js";
import { session } from "../data/session.js";
import { ago } from "../words/time.js";

const LATE = 600; // seconds since the last run; it is due each minute

/** For `mount(…, {Banner: SweepBanner})`: nothing while all is well, or while nobody knows. */
export function SweepBanner() {
  const age = useLoad((signal) => rpc("sweep_age", {}, { signal }), "sweep", { poll: true });
  if (age.data === undefined || (age.data !== null && age.data < LATE)) return null;
  const now = new Date();
  const since = age.data === null ? "has never run" : `last ran ${ago(new Date(now - age.data * 1000), now)}`;
  return html`
    <div class="banner" role="status">
      <p><strong>Messages are not leaving.</strong> What sends reminders ${since}; it should run each minute.
        ${session.role === "admin" ? html` <a href=${portal("/admin/health")}>Look at the health page</a>` : " Please tell an administrator."}</p>
    </div>`;
}
