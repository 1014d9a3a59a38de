// One booking beside the list: all of it, and what the team may do. On a narrow screen it covers the list.

import { rpc } from "../../data/api.js";
import { readBooking } from "../../data/booking_page.js";
import { portal } from "../../data/config.js";
import { useAction, useLoad } from "../../data/load.js";
import { useMedia } from "../../data/media.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../../data/preact.js";
import { session } from "../../data/session.js";
import { nameOf, titleOf } from "../../words/booking.js";
import { isConfirmable } from "../../words/filters.js";
import { announce } from "../announcer.js";
import { Status } from "../booking_card.js";
import { BookingDetails } from "../booking_details.js";
import { CancelDialog } from "../cancel_dialog.js";
import { MoveDialog } from "../move_dialog.js";
import { Notes } from "../notes.js";
import { Skeleton } from "../page.js";
import { Tabs } from "../tabs.js";
import { Timeline } from "../timeline.js";
import { Slow, Trouble } from "../trouble.js";
import { MessageActions } from "./message_actions.js";

const TABS = [["details", "Details"], ["history", "History"], ["notes", "Notes"], ["messages", "Messages"]];
const clientLink = (person) => portal(`/admin/clients/${encodeURIComponent(person.email ?? person.phone)}`);

/** `step(1)`: how to go to the next row, null at the end; `changed()`: what was done changes the list. */
export function Panel({ id, zone, now, changed, close, step }) {
  const [tab, setTab] = useState("details");
  const [asked, setAsked] = useState(null); // cancel | move
  const heading = useRef(null);
  const load = useLoad(async (signal) => ({ id, page: await readBooking(id, signal) }), id, { poll: true });
  const page = load.data?.id === id ? load.data.page : null;
  const dialog = useOpen(heading, close);
  const done = async () => {
    changed();
    await load.reload({ quiet: true });
    // The button that did it may be gone: the focus stays in the panel.
    setTimeout(() => document.activeElement === document.body && heading.current?.focus());
  };
  const shared = { page, zone, now, done, close: () => setAsked(null) };
  const shown = page && {
    details: () => html`<${BookingDetails} ...${{ page, zone, now, clientLink }} />`,
    history: () => html`<${Timeline} only="event" entries=${page.timeline} ...${{ zone, now }} raw=${session.role === "admin"} />`,
    notes: () => html`<${Notes} key=${id} ...${{ page, session, zone }} reload=${load.reload} />`,
    messages: () => html`<${Timeline} only="message" entries=${page.timeline} ...${{ zone, now }}
      act=${(entry) => html`<${MessageActions} entry=${entry} done=${done} />`} />`,
  }[tab];
  return html`
    <dialog class="panel" ref=${dialog} aria-labelledby="panel-title">
      <div class="sheet">
        <header>
          <h2 id="panel-title" tabindex="-1" ref=${heading}><bdi class="clamp three" title=${page ? titleOf(page.booking) : undefined}>${page ? titleOf(page.booking) : "Booking"}</bdi></h2>
          <div class="steps">
            ${[[-1, "↑", "Booking before"], [1, "↓", "Next booking"]].map(([by, arrow, label]) => html`
              <button type="button" class="quiet" aria-label=${label} title=${label} disabled=${!step(by)} onClick=${() => step(by)?.()}>${arrow}</button>`)}
            <button type="button" class="quiet" aria-label="Close the booking" onClick=${close}>✕</button>
          </div>
        </header>
        <${Slow} slow=${load.slow} />
        <${Trouble} problem=${load.error} retry=${load.error?.code === "not_found" ? null : load.reload} />
        ${!page && load.loading ? html`<${Skeleton} />` : null}
        ${page ? html`
          <p class="row"><${Status} booking=${page.booking} now=${now} /><a href=${portal(`/bookings/${page.booking.id}`)}>Page of its own</a></p>
          <${Unreachable} page=${page} />
          <${Actions} ...${{ page, now, done, ask: setAsked }} />
          <${Tabs} label="Parts of the booking" panel="panel-part" tabs=${TABS} chosen=${tab} choose=${setTab} />
          <div id="panel-part" class="part" role="tabpanel" tabindex="0" aria-labelledby=${`tab-${tab}`}>${shown()}</div>` : null}
      </div>
    </dialog>
    ${asked === "cancel" && page ? html`<${CancelDialog} ...${shared} />` : null}
    ${asked === "move" && page ? html`<${MoveDialog} ...${shared} />` : null}`;
}

/** Open beside the list, or on top of it; its heading has the focus. */
function useOpen(heading, close) {
  const dialog = useRef(null);
  const narrow = useMedia("(max-width: 62rem)");
  useLayoutEffect(() => {
    const node = dialog.current;
    if (narrow) node.showModal();
    else node.show();
    heading.current.focus({ preventScroll: !narrow });
    return () => node.close();
  }, [narrow]);
  useEffect(() => {
    const node = dialog.current;
    const cancel = (event) => {
      event.preventDefault();
      close();
    };
    node.addEventListener("cancel", cancel);
    return () => node.removeEventListener("cancel", cancel);
  }, [close]);
  return dialog;
}

function Unreachable({ page }) {
  const lost = (page.reach ?? []).filter(({ state }) => state === "unreachable");
  return lost.map(({ attendee_id: id, name, phone }) => html`
    <p class="trouble" key=${id}><strong><bdi>${nameOf({ name })}</bdi> is unreachable: ${phone
      ? html`call <a href=${`tel:${phone}`}>${phone}</a>` : "no number is known"}.</strong></p>`);
}

function Actions({ page, now, done, ask }) {
  const { booking, actions } = page;
  const resend = useAction(async () => {
    const { planned } = await rpc("resend_confirmation", { p_booking_id: booking.id });
    announce(planned.length ? "The confirmation goes out again." : "Nobody to send it to: one is about to leave, or nobody can be written to.");
    await done();
  });
  if (actions?.part !== "staff") return null;
  return html`
    <div class="row do">
      ${actions.move?.allowed ? html`<button type="button" onClick=${() => ask("move")}>Move</button>` : null}
      ${isConfirmable(booking, now) ? html`<button type="button" disabled=${resend.running} onClick=${resend.run}>${resend.running ? "Sending …" : "Resend confirmation"}</button>` : null}
      ${actions.cancel?.allowed ? html`<button type="button" onClick=${() => ask("cancel")}>Cancel booking</button>` : null}
    </div>
    <${Trouble} problem=${resend.error} />`;
}
