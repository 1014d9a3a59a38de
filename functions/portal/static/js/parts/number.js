// The number that texts go to: proven by a code, with the words that are agreed to, and taken away.

import { call, rpc } from "../data/api.js";
import { useAction, useDraft, useLoad } from "../data/load.js";
import { html, useEffect, useState } from "../data/preact.js";
import { consentOf } from "../data/wishes.js";
import { useZone } from "../data/zone.js";
import { CONSENT, numberTrouble } from "../words/reminders.js";
import { date, instant } from "../words/time.js";
import { announce } from "./announcer.js";
import { Dialog } from "./dialog.js";
import { Field } from "./field.js";
import { Trouble } from "./trouble.js";

const PAUSE = 60; // seconds until another code may be sent
const BLOCKED = {
  stopped: "You have stopped our texts with STOP. Text START from this telephone, and then turn them on here.",
  suppressed: "Texts to this number do not arrive. Use another number, or ask us.",
};

/** Where there is none: how to add one. `open("verify" | "remove")` opens a dialog. */
export function PhoneNumber({ wishes, open, pending }) {
  const zone = useZone();
  const { data: consent } = useLoad(async (signal) => wishes.phone && wishes.sms_consent ? consentOf(wishes, signal) : null,
    `${wishes.phone} ${wishes.sms_consent}`);
  if (!wishes.phone) {
    return html`<p>${pending ? `A code was texted to ${pending.phone}.` : "There is no number yet. We text you a code to make sure that it is yours."}</p>
      <button type="button" onClick=${() => open("verify")}>${pending ? "Type the code" : "Add a number"}</button>`;
  }
  return html`
    <p><b class="nowrap">${wishes.phone}</b>${wishes.phone_verified_at ? `, verified ${date(instant(wishes.phone_verified_at), zone)}` : ""}</p>
    ${wishes.no_texts ? html`<p class="notice"><strong>No texts go to this number.</strong> ${BLOCKED[wishes.no_texts]}</p>` : null}
    ${consent ? html`<blockquote>${consent.text_shown}<footer>You agreed to this on ${date(instant(consent.given_at), zone)}.</footer></blockquote>` : null}
    <div class="row">
      <button type="button" onClick=${() => open("verify")}>${pending ? "Type the code" : "Change number"}</button>
      <button type="button" onClick=${() => open("remove")}>Remove number</button>
    </div>`;
}

/** The number that a code was texted to and not yet typed, for as long as it works: `[{phone, until}, set, clear]`. */
export function usePendingCode() {
  const [text, set, clear] = useDraft("phone-code");
  const pending = text ? JSON.parse(text) : null;
  return [pending?.until > Date.now() ? pending : null, (value) => set(JSON.stringify(value)), clear];
}

/** `done(wishes)`: verified, agreed to, and on. */
export function VerifyNumber({ pending, setPending, clearPending, done, close }) {
  const [phone, setPhone, clearPhone] = useDraft("phone");
  const send = useAction(async (number) => {
    const sent = await call("POST", "/preferences/phone", { body: { phone: number } });
    setPending({ phone: sent.phone, until: Date.now() + sent.expires_in * 1000, outcome: sent.outcome });
    return sent;
  });
  const finish = (wishes) => {
    clearPending();
    clearPhone();
    done(wishes);
  };
  const trouble = numberTrouble(send.error);
  const submit = (event) => {
    event.preventDefault();
    send.run(phone);
  };
  if (pending) return html`<${Code} ...${{ pending, send, finish, close }} back=${clearPending} />`;
  return html`
    <${Dialog} title="Your number for texts" onClose=${close}>
      <form onSubmit=${submit}>
        <${Field} label="Mobile number" type="tel" autocomplete="tel" required autofocus maxlength="60" value=${phone} onInput=${setPhone}
          hint="With + and the country's code, like +49 for Germany" error=${trouble?.text} />
        ${trouble ? null : html`<${Trouble} problem=${send.error} />`}
        <p class="muted">We text a code of six digits to it, at most three a day.</p>
        <div class="actions"><button type="button" onClick=${close}>Not now</button>
          <button class="primary" disabled=${send.running}>${send.running ? "Sending …" : "Text me a code"}</button></div>
      </form>
    <//>`;
}

function Code({ pending, send, finish, close, back }) {
  const [code, setCode] = useState("");
  const [agreed, setAgreed] = useState(false);
  const [wait, setWait] = useState(PAUSE);
  const check = useAction(async () => {
    const answer = await call("POST", "/preferences/phone/verify", { body: { code, consent_text: CONSENT } });
    finish(answer.preferences);
  });
  useEffect(() => {
    const timer = setInterval(() => setWait((left) => Math.max(0, left - 1)), 1000);
    return () => clearInterval(timer);
  }, []);
  const again = async () => {
    check.clear();
    if (await send.run(pending.phone)) setWait(PAUSE);
  };
  const wrong = numberTrouble(check.error);
  const unsent = numberTrouble(send.error);
  const submit = (event) => {
    event.preventDefault();
    check.run();
  };
  return html`
    <${Dialog} title="Type the code" onClose=${close}>
      <form onSubmit=${submit}>
        <p>${pending.outcome === "perhaps_sent"
          ? html`We could not see whether the text to <b class="nowrap">${pending.phone}</b> left. If none comes within a minute, have another one sent.`
          : html`We have texted a code to <b class="nowrap">${pending.phone}</b>. It works for ten minutes.`}</p>
        <${Field} label="Code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" maxlength="6" required autofocus
          title="six digits" value=${code} onInput=${(text) => setCode(text.replace(/\D/g, ""))} error=${wrong?.field === "code" ? wrong.text : ""} />
        <label class="check consent"><input type="checkbox" required checked=${agreed} onChange=${(event) => setAgreed(event.target.checked)} />
          <span>${CONSENT}</span></label>
        ${wrong?.field === "code" ? null : html`<${Trouble} problem=${check.error && wrong ? { detail: wrong.text } : check.error} />`}
        <${Trouble} problem=${send.error && unsent ? { detail: unsent.text } : send.error} />
        <div class="row">
          <button type="button" class="link" disabled=${wait > 0 || send.running} onClick=${again}>
            ${send.running ? "Sending …" : wait > 0 ? `Another code in ${wait} s` : "Send another code"}</button>
          <button type="button" class="link" onClick=${back}>Another number</button>
        </div>
        <div class="actions"><button type="button" onClick=${close}>Not now</button>
          <button class="primary" disabled=${check.running}>${check.running ? "Checking …" : "Verify and turn on texts"}</button></div>
      </form>
    <//>`;
}

/** Texts to a number that is verified already, but not agreed to (any more). */
export function AgreeAgain({ wishes, done, close }) {
  const agree = useAction(async () => {
    const answer = await rpc("consent_to_texts", { p_consent_text: CONSENT });
    if (answer.refused) throw Object.assign(new Error(answer.refused), { code: answer.refused });
    done();
  });
  const refused = numberTrouble(agree.error);
  return html`
    <${Dialog} title="Reminders by text" onClose=${close}>
      <p>To <b class="nowrap">${wishes.phone}</b>:</p>
      <blockquote>${CONSENT}</blockquote>
      <${Trouble} problem=${refused ? { detail: refused.text } : agree.error} />
      <div class="actions"><button type="button" onClick=${close}>Not now</button>
        <button type="button" class="primary" disabled=${agree.running} onClick=${agree.run}>I agree</button></div>
    <//>`;
}

export function RemoveNumber({ wishes, done, close }) {
  const remove = useAction(async () => {
    const answer = await call("DELETE", "/preferences/phone");
    announce("The number is removed. No more texts come.");
    done(answer.preferences);
  });
  return html`
    <${Dialog} title="Remove number?" onClose=${close}>
      <p>We forget <b class="nowrap">${wishes.phone}</b>, and no more texts come. Your consent ends.</p>
      <${Trouble} problem=${remove.error} />
      <div class="actions"><button type="button" autofocus onClick=${close}>Keep number</button>
        <button type="button" class="danger" disabled=${remove.running} onClick=${remove.run}>${remove.running ? "Removing …" : "Remove number"}</button></div>
    <//>`;
}
