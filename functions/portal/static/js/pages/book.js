// Booking a time, with Cal.com's own calendar in the page.

import { calendar, loadEmbed, plainLink, prefill } from "../data/calcom.js";
import { html, useEffect, useRef, useState } from "../data/preact.js";
import { supabase } from "../data/session.js";
import { Booked } from "../parts/booked.js";
import { Skeleton, mount } from "../parts/page.js";

const LATE = 10_000; // milliseconds until a calendar that shows nothing counts as missing
const PATIENCE = 2000; // milliseconds that is waited for who somebody is
const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => (dark.matches ? "dark" : "light");

function Book({ session, error }) {
  const person = usePerson(session, error);
  const [booked, setBooked] = useState(null);
  return html`
    <h1>Book a time</h1>
    ${booked ? html`<${Booked} booking=${booked} signedIn=${Boolean(session.user)} />` : null}
    <div hidden=${booked && !booked.paymentRequired}>
      ${person ? html`<${Calendar} person=${person} onBooked=${setBooked} />` : html`<${Skeleton} />`}
    </div>`;
}

/** `{name, email}` of the client who is signed in, or what of it is known in time; nothing of visitors, and of staff. */
function usePerson(session, error) {
  const [person, setPerson] = useState(null);
  const settle = (value) => setPerson((now) => now ?? value); // the calendar takes it once
  const isKnown = session.state !== "loading" || error;
  useEffect(() => {
    const timer = setTimeout(() => settle({ email: emailOf(session) }), PATIENCE);
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => {
    const email = emailOf(session);
    if (isKnown && !email) settle({});
    else if (isKnown) nameOf(email).catch(() => null).then((name) => settle({ email, name }));
  }, [isKnown]);
  return person;
}

// Staff book for others.
const emailOf = (session) => (session.role ? undefined : session.user?.email);

/** As they called themselves before. Asked without `table`: a session that has ended is no reason to stop anybody here. */
async function nameOf(email) {
  const { data } = await supabase.from("booking_attendees")
    .select("name").eq("email", email.toLowerCase()).not("name", "is", null).limit(1);
  return data?.[0]?.name;
}

function Calendar({ person, onBooked }) {
  const box = useRef(null);
  const [state, setState] = useState("waiting"); // waiting | loaded (its script) | shown | late | failed

  useEffect(() => {
    // What comes late is shown all the same; what has failed stays so.
    const to = (next) => setState((now) => (now === "failed" || (now === "shown" && next !== "failed") ? now : next));
    const late = setTimeout(() => to("late"), LATE);
    const embed = loadEmbed({ loaded: () => to("loaded"), failed: () => to("failed") });
    const on = (action, callback) => embed("on", { action, callback: (event) => callback(event.detail.data) });
    on("linkReady", () => to("shown"));
    on("linkFailed", () => to("failed"));
    on("bookingSuccessfulV2", onBooked);
    on("rescheduleBookingSuccessfulV2", onBooked);
    embed("inline", {
      calLink: calendar(),
      elementOrSelector: box.current,
      config: { layout: "month_view", theme: theme(), ...prefill(person) },
    });
    const follow = () => embed("ui", { theme: theme(), layout: "month_view" });
    dark.addEventListener("change", follow);
    return () => {
      clearTimeout(late);
      dark.removeEventListener("change", follow);
    };
  }, []);

  const isMissing = state === "late" || state === "failed";
  return html`
    ${isMissing ? html`<${Missing} person=${person} />` : null}
    ${state === "waiting" ? html`<${Skeleton} />` : null}
    <div class="calendar" ref=${box} hidden=${state === "failed"}></div>`;
}

function Missing({ person }) {
  return html`
    <div class="trouble" role="alert">
      <p><strong>${navigator.onLine ? "The calendar does not load here." : "You seem to be offline."}</strong>
        ${" "}You can also <a href=${plainLink(person)} rel="noreferrer">book on its own page</a>.</p>
      <button type="button" onClick=${() => location.reload()}>Try again</button>
    </div>`;
}

mount(Book, { title: "Book a time", needs: "nobody", wide: true });
