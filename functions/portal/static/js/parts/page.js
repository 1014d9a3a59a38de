// The frame of every page: header, who is signed in, messages that come and go, and the way back after a session ended.

import { config, portal } from "../data/config.js";
import { SLOW } from "../data/load.js";
import { html, render, useEffect, useState } from "../data/preact.js";
import { onSession, openSession, session, signOut } from "../data/session.js";
import { Announcer } from "./announcer.js";
import { Dialog } from "./dialog.js";
import { Slow, Trouble } from "./trouble.js";
import { SignIn } from "./sign_in.js";

/**
 * Show `Content` as this document's page. `needs`: nobody | person | staff | admin; whoever is not signed in does so
 * here, at this address. `Content` gets `{session, error}`; `error`: who that is could not be found out.
 */
export function mount(Content, { title, needs = "person", wide = false, Banner = null }) {
  document.title = `${title} · Bookings`;
  render(html`<${Page} ...${{ Content, title, needs, wide, Banner }} />`, document.getElementById("app"));
}

function useSession() {
  const [, setTurn] = useState(0);
  const [error, setError] = useState(null);
  const [slow, setSlow] = useState(false);
  const open = () => {
    setError(null);
    const timer = setTimeout(() => setSlow(true), SLOW);
    openSession().catch(setError).finally(() => {
      clearTimeout(timer);
      setSlow(false);
    });
  };
  useEffect(() => {
    const stop = onSession(() => setTurn((turn) => turn + 1));
    open();
    return stop;
  }, []);
  return { error, slow, open };
}

function Page({ Content, title, needs, wide, Banner }) {
  const { error, slow, open } = useSession();
  const { state, role } = session;
  const isIn = state === "in" || state === "expired";
  const enough = { nobody: true, person: isIn, staff: isIn && role, admin: isIn && role === "admin" }[needs];
  return html`
    <a class="skip" href="#main">Skip to the page</a>
    <${Header} />
    ${Banner && isIn && role ? html`<${Banner} />` : null}
    <main class=${`page${wide ? " wide" : ""}`} id="main" tabindex="-1">
      ${error && needs !== "nobody" ? html`<h1>${title}</h1><${Trouble} problem=${error} retry=${open} />`
        : state === "loading" && needs !== "nobody" ? html`<h1>${title}</h1><${Slow} slow=${slow} /><${Skeleton} />`
        : enough ? html`<${Content} session=${session} error=${error} />`
        : isIn ? html`<h1>${title}</h1>
            <p class="notice">This page is for the team. <a href=${portal("/bookings")}>Go to your bookings</a></p>`
        : html`<h1>${title}</h1><${SignIn} />`}
    </main>
    <${Footer} />
    ${state === "expired" && needs !== "nobody" ? html`
      <${Dialog} title="Please sign in again" onClose=${() => {}} steady>
        <p>Your session has ended. What you typed is still here.</p>
        <${SignIn} email=${session.user?.email} />
      <//>` : null}
    <${Announcer} />`;
}

function Header() {
  const { user, role } = session;
  const pages = [
    ["/book", "Book a time"],
    ...(user ? [["/bookings", "My bookings"], ["/preferences", "Preferences"]] : []),
    ...(role ? [["/admin", "All bookings"]] : []),
    ...(role === "admin" ? [["/admin/health", "Health"]] : []),
  ];
  const here = location.pathname.replace(/\/$/, "");
  const [open, setOpen] = useState(false); // on narrow screens
  const close = (event) => event.key === "Escape" && setOpen(false);
  return html`
    <header class=${`bar${open ? " open" : ""}`} onKeyDown=${close}>
      <a class="brand" href=${portal("/bookings")}>Bookings</a>
      <button class="quiet menu" type="button" aria-expanded=${open ? "true" : "false"} aria-controls="pages" onClick=${() => setOpen(!open)}>
        ${open ? "Close" : "Menu"}</button>
      <nav aria-label="Pages" id="pages">
        ${pages.map(([path, name]) => html`
          <a href=${portal(path)} aria-current=${here === portal(path) ? "page" : undefined}>${name}</a>`)}
        ${user ? html`<div class="who"><span class="email" title=${user.email}>${user.email}</span>
          <button class="quiet" type="button" onClick=${signOut}>Sign out</button></div>` : null}
      </nav>
    </header>`;
}

function Footer() {
  const contact = config.support_contact;
  if (!contact) return null;
  const link = contact.includes("@") ? `mailto:${contact}` : /^\+?[0-9 ()/-]+$/.test(contact) ? `tel:${contact.replace(/[^+0-9]/g, "")}` : null;
  return html`<footer class="foot">Questions? ${link ? html`<a href=${link}>${contact}</a>` : contact}</footer>`;
}

export function Skeleton({ rows = 3 }) {
  return html`<div class="skeleton" role="status" aria-label="Loading">${Array.from({ length: rows }, () => html`<i></i>`)}</div>`;
}
