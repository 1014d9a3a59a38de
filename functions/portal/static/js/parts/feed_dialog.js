// My bookings as a live calendar. Its address is the right to read it, and is shown once: we keep only its hash.

import { makeFeed, revokeFeed } from "../data/booking_page.js";
import { useAction } from "../data/load.js";
import { html, useRef, useState } from "../data/preact.js";
import { announce } from "./announcer.js";
import { Dialog } from "./dialog.js";
import { Field } from "./field.js";
import { Slow, Trouble } from "./trouble.js";

export function FeedDialog({ close }) {
  const [feed, setFeed] = useState(null);
  const shown = useRef(null);
  const make = useAction(async () => {
    stop.clear();
    setFeed(await makeFeed());
    announce(feed ? "Here is a new link. The old one is dead." : "Here is your link.");
  });
  const stop = useAction(async () => {
    make.clear();
    await revokeFeed();
    setFeed(null);
    announce("The link is dead. Calendars that use it get nothing any more.");
  });
  const copy = async () => {
    shown.current.querySelector("input").select();
    // Where the browser keeps the clipboard from pages, the address is selected: ready to be copied by hand.
    await navigator.clipboard?.writeText(feed.url).then(() => announce("Copied."), () => {});
  };
  return html`
    <${Dialog} title="Subscribe to my bookings" onClose=${close}>
      <p>Your calendar shows all your bookings, and follows when they move or are cancelled.</p>
      <p class="notice">Anyone with this link can see your bookings. Making a new one ends the one before.</p>
      ${feed ? html`<div ref=${shown}>
        <${Field} label="Address of the calendar" readonly value=${feed.url} onInput=${() => {}} onFocus=${(event) => event.target.select()} />
        <div class="row"><a class="button primary" href=${feed.webcal}>Open in my calendar</a><button type="button" onClick=${copy}>Copy</button></div>
        <p class="muted hint">Google: Other calendars, From URL. Outlook: Add calendar, Subscribe from web. They look for changes every few hours.</p>
      </div>` : null}
      <${Slow} slow=${make.slow || stop.slow} />
      <${Trouble} problem=${make.error ?? stop.error} />
      <div class="actions">
        <button type="button" aria-disabled=${stop.running} onClick=${stop.run}>Stop sharing</button>
        <button type="button" class=${feed ? "" : "primary"} aria-disabled=${make.running} onClick=${make.run}>${feed ? "Reset link" : "Make a link"}</button>
      </div>
    <//>`;
}
