// Signing in: by a code that is mailed, or by password. A link would be opened by whatever scans the mail.

import { useAction, useDraft } from "../data/load.js";
import { html, useEffect, useRef, useState } from "../data/preact.js";
import { sendCode, signInWithCode, signInWithPassword } from "../data/session.js";
import { Field } from "./field.js";
import { Trouble } from "./trouble.js";

const PAUSE = 60; // seconds until another code may be sent

export function SignIn({ email: known = "" }) {
  const [email, setEmail] = useDraft("email", known);
  const [way, setWay] = useState("mail"); // mail | code | password
  const send = useAction(async () => {
    await sendCode(email.trim());
    setWay("code");
  });
  const begin = (event) => {
    event.preventDefault();
    send.run();
  };

  if (way === "code") return html`<${Code} email=${email.trim()} again=${send} back=${() => setWay("mail")} />`;
  if (way === "password") return html`<${Password} email=${email} setEmail=${setEmail} back=${() => setWay("mail")} />`;
  return html`
    <form class="card sign-in" onSubmit=${begin}>
      <p>Sign in with the address that you book with. We mail you a code.</p>
      <${Field} label="E-mail address" type="email" required autocomplete="email" value=${email} onInput=${setEmail} />
      <${Trouble} problem=${send.error} />
      <button class="primary" disabled=${send.running}>${send.running ? "Sending …" : "E-mail me a code"}</button>
      <button type="button" class="link" onClick=${() => setWay("password")}>Use a password instead</button>
    </form>`;
}

function Code({ email, again, back }) {
  const [code, setCode] = useState("");
  const [wait, setWait] = useState(PAUSE);
  const input = useRef(null);
  const check = useAction(() => signInWithCode(email, code));
  useEffect(() => {
    input.current.querySelector("input").focus();
    const timer = setInterval(() => setWait((left) => Math.max(0, left - 1)), 1000);
    return () => clearInterval(timer);
  }, []);
  const submit = (event) => {
    event.preventDefault();
    check.run();
  };
  const resend = async () => {
    setWait(PAUSE);
    await again.run();
  };
  return html`
    <form class="card sign-in" onSubmit=${submit} ref=${input}>
      <p>We have sent a code of six digits to <strong>${email}</strong>. It works for ten minutes.</p>
      <${Field} label="Code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" maxlength="6" required
        title="six digits" value=${code} onInput=${(text) => setCode(text.replace(/\D/g, ""))} />
      <${Trouble} problem=${check.error ?? again.error} />
      <button class="primary" disabled=${check.running}>${check.running ? "Checking …" : "Sign in"}</button>
      <div class="row">
        <button type="button" class="link" disabled=${wait > 0 || again.running} onClick=${resend}>
          ${wait > 0 ? `Another code in ${wait} s` : "Send another code"}
        </button>
        <button type="button" class="link" onClick=${back}>Another address</button>
      </div>
    </form>`;
}

function Password({ email, setEmail, back }) {
  const [password, setPassword] = useState("");
  const enter = useAction(() => signInWithPassword(email.trim(), password));
  const submit = (event) => {
    event.preventDefault();
    enter.run();
  };
  return html`
    <form class="card sign-in" onSubmit=${submit}>
      <${Field} label="E-mail address" type="email" required autocomplete="username" value=${email} onInput=${setEmail} />
      <${Field} label="Password" type="password" required autocomplete="current-password" value=${password} onInput=${setPassword} />
      <${Trouble} problem=${enter.error} />
      <button class="primary" disabled=${enter.running}>${enter.running ? "Signing in …" : "Sign in"}</button>
      <button type="button" class="link" onClick=${back}>E-mail me a code instead</button>
    </form>`;
}
