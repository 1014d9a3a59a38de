// What somebody wants to be told, when, and where: saved at each change, with what would be sent beside it.

import { html, useState } from "../data/preact.js";
import { useWishes } from "../data/wishes.js";
import { browserZone } from "../data/zone.js";
import { announce } from "../parts/announcer.js";
import { Choice } from "../parts/field.js";
import { Leads } from "../parts/leads.js";
import { AgreeAgain, PhoneNumber, RemoveNumber, VerifyNumber, usePendingCode } from "../parts/number.js";
import { Skeleton, mount } from "../parts/page.js";
import { PlanPreview } from "../parts/plan_preview.js";
import { Slow, Trouble } from "../parts/trouble.js";
import { Section, Switch } from "../parts/wish.js";
import { HALF_HOURS, LANGUAGES, LEADS, before } from "../words/reminders.js";
import { zoneName } from "../words/time.js";

const REQUIRED = ["Confirmation", "New time or place", "Cancellation"];

function Preferences({ session }) {
  const saving = useWishes();
  const { wishes } = saving;
  return html`
    <h1>Preferences</h1>
    <${Slow} slow=${saving.slow} />
    <${Trouble} problem=${saving.error} retry=${saving.reload} />
    ${!wishes && saving.loading ? html`<${Skeleton} />` : null}
    ${wishes ? html`
      <p>For <b>${wishes.email}</b>. Every change is saved at once.</p>
      <div class="columns">
        <div><${Wishes} saving=${saving} wishes=${wishes} /></div>
        <div>${session.role
          ? html`<p class="notice">Members of the team get no messages about the bookings that they hold.</p>`
          : html`<${PlanPreview} wishes=${wishes} />`}
          <p class="muted">Every mail has a link to these choices at its foot. It works without signing in. As mails get passed on, it
            only turns things off; from there a fresh link for everything else can be mailed to you.</p></div>
      </div>` : null}`;
}

function Wishes({ saving, wishes }) {
  const { change, replace } = saving;
  const [dialog, setDialog] = useState(null); // verify | agree | remove
  const [pending, setPending, clearPending] = usePendingCode();
  const close = () => setDialog(null);
  const verified = (now) => {
    replace(now);
    close();
    announce("Your number is verified. Reminders come by text too.");
  };
  const texts = (on) => {
    // Turning them off ends the consent.
    if (on && (!wishes.sms_consent || "sms_reminders" in saving.unsaved)) setDialog("agree");
    else change({ sms_reminders: on });
  };
  const agreed = () => {
    replace({ ...wishes, sms_consent: true });
    change({ sms_reminders: true });
    close();
  };
  const removed = (now) => {
    replace(now);
    close();
  };
  return html`
    <${Section} title="Messages" fields=${["email_reminders", "sms_reminders"]} saving=${saving}>
      <${Topics} wishes=${wishes} change=${change} texts=${texts} addNumber=${() => setDialog("verify")} />
    <//>
    <${Section} title="Reminders by e-mail" fields=${["reminder_leads"]} saving=${saving}>
      ${wishes.email_reminders ? null : html`<p class="muted">They are turned off above.</p>`}
      <${Leads} leads=${wishes.reminder_leads} onChange=${(reminder_leads) => change({ reminder_leads })} />
    <//>
    <${Section} title="Reminders by text" fields=${["sms_lead"]} saving=${saving}>
      <${PhoneNumber} wishes=${wishes} open=${setDialog} pending=${pending} />
      ${wishes.phone ? html`<${Choice} label="How long before the booking" value=${String(wishes.sms_lead)}
        onChange=${(lead) => change({ sms_lead: Number(lead) })}
        options=${[...new Set([...LEADS, wishes.sms_lead])].sort((a, b) => a - b).map((lead) => [String(lead), before(lead)])} />` : null}
    <//>
    <${Section} title="Quiet hours" fields=${["quiet_start", "quiet_end", "quiet_email"]} saving=${saving}><${Quiet} ...${{ wishes, change }} /><//>
    <${Section} title="Time zone and language" fields=${["time_zone", "locale"]} saving=${saving}><${Place} ...${{ wishes, change }} /><//>
    ${dialog === "verify" ? html`<${VerifyNumber} ...${{ pending, setPending, clearPending, close }} done=${verified} />` : null}
    ${dialog === "agree" ? html`<${AgreeAgain} ...${{ wishes, close }} done=${agreed} />` : null}
    ${dialog === "remove" ? html`<${RemoveNumber} ...${{ wishes, close }} done=${removed} />` : null}`;
}

function Topics({ wishes, change, texts, addNumber }) {
  const canText = wishes.phone && wishes.phone_verified_at;
  return html`
    <table class="topics">
      <thead><tr><th scope="col">About</th><th scope="col">E-mail</th><th scope="col">Text</th></tr></thead>
      <tbody>
        <tr><th scope="row">Reminder</th>
          <td><${Switch} label="Reminders by e-mail" on=${wishes.email_reminders} onChange=${(on) => change({ email_reminders: on })} /></td>
          <td>${!canText ? html`<button type="button" class="link" onClick=${addNumber}>Add<span class="hidden"> a number for texts</span></button>`
            : wishes.no_texts ? html`<span class="muted">Stopped</span>`
            : html`<${Switch} label="Reminders by text" on=${wishes.sms_reminders && wishes.sms_consent} onChange=${texts} />`}</td></tr>
        ${REQUIRED.map((topic) => html`
          <tr><th scope="row">${topic}</th><td><span class="always"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 7V5a4 4 0 0 1 8 0v2h1v8H3V7zm2 0h4V5a2 2 0 0 0-4 0z" /></svg>Always</span></td><td><span class="muted" aria-hidden="true">–</span><span class="hidden">never</span></td></tr>`)}
      </tbody>
    </table>
    <p class="muted">“Always” cannot be turned off: you need these to be at the right place at the right time.</p>`;
}

function Quiet({ wishes, change }) {
  const start = wishes.quiet_start.slice(0, 5);
  const end = wishes.quiet_end.slice(0, 5);
  const times = (chosen) => [...new Set([...HALF_HOURS, chosen])].sort().map((time) => [time, time]);
  const zone = wishes.time_zone;
  return html`
    <p class="muted">A reminder that would come in this time comes when it ends, or a little before it begins. Changes and
      cancellations come at once.</p>
    <div class="pair">
      <${Choice} label="From" value=${start} options=${times(start)} onChange=${(time) => change({ quiet_start: time })} />
      <${Choice} label="Until" value=${end} options=${times(end)} onChange=${(time) => change({ quiet_end: time })} />
    </div>
    <p class="muted">${start === end ? "From and until are the same: there are no quiet hours. " : ""}Times in ${
      zone ? zoneName(new Date(), zone) : "the zone of each booking, as you booked it"}.</p>
    <label class="check"><input type="checkbox" checked=${wishes.quiet_email} onChange=${(event) => {
      event.target.checked = wishes.quiet_email;
      change({ quiet_email: !wishes.quiet_email });
    }} />Also for reminders by e-mail</label>`;
}

function Place({ wishes, change }) {
  // Without their offsets: to work out those of 400 zones keeps a telephone busy for a quarter of a second.
  const zoneText = (zone) => zone.replaceAll("_", " ") + (zone === browserZone ? ": this device" : "");
  const zones = [...new Set([wishes.time_zone, browserZone, "UTC", ...Intl.supportedValuesOf("timeZone")])].filter(Boolean);
  const known = LANGUAGES.some(([code]) => code === wishes.locale) || !wishes.locale;
  const name = LANGUAGES.find(([code]) => wishes.locale?.toLowerCase().startsWith(code))?.[1] ?? wishes.locale;
  return html`
    <${Choice} label="Time zone of messages and quiet hours" value=${wishes.time_zone ?? ""} onChange=${(zone) => change({ time_zone: zone || null })}
      options=${[["", "As in the booking"], ...zones.map((zone) => [zone, zoneText(zone)])]} />
    <${Choice} label="Language of mails and texts" value=${wishes.locale ?? ""} onChange=${(locale) => change({ locale: locale || null })}
      options=${[["", "As in the booking"], ...LANGUAGES, ...(known ? [] : [[wishes.locale, `${name} (${wishes.locale})`]])]} />
    <p class="muted">Mails and texts come in this language; these pages are in English.</p>`;
}

mount(Preferences, { title: "Preferences", wide: true });
