// What the team may do with one message: a planned one leaves now or not at all, one that did not leave leaves after all.

import { rpc } from "../../data/api.js";
import { useAction } from "../../data/load.js";
import { html } from "../../data/preact.js";
import { announce } from "../announcer.js";
import { Trouble } from "../trouble.js";

// Reasons for which a message was not sent that the team may overrule, as send_notification_now does.
const OVERRULED = ["not_wanted_by_team", "imported", "inside_window", "quiet_hours", "merged"];

export function MessageActions({ entry, done }) {
  const act = useAction(async (name, said) => {
    await rpc(name, { p_id: entry.id });
    announce(said);
    await done();
  });
  const isPlanned = entry.status === "planned";
  const canLeave = isPlanned || entry.status === "failed" || (entry.status === "skipped" && OVERRULED.includes(entry.reason));
  if (!canLeave) return null;
  const about = html`<span class="hidden">: ${entry.kind} to ${entry.attendee_name || entry.recipient}</span>`;
  return html`
    <p class="row">
      <button type="button" class="link" disabled=${act.running} onClick=${() => act.run("send_notification_now", "It leaves within a minute.")}>Send now${about}</button>
      ${isPlanned ? html`<button type="button" class="link" disabled=${act.running} onClick=${() => act.run("skip_notification", "It will not be sent.")}>Do not send${about}</button>` : null}
    </p>
    <${Trouble} problem=${act.error} />`;
}
