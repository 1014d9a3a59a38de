// One booking: what it is, what may be done with it, its notes, and all that happened and was sent.

import { readBooking } from "../data/booking_page.js";
import { portal } from "../data/config.js";
import { useLoad } from "../data/load.js";
import { html, useEffect, useState } from "../data/preact.js";
import { useZone } from "../data/zone.js";
import { Status } from "../parts/booking_card.js";
import { BookingDetails } from "../parts/booking_details.js";
import { CalendarMenu } from "../parts/calendar_menu.js";
import { CancelDialog } from "../parts/cancel_dialog.js";
import { FeedDialog } from "../parts/feed_dialog.js";
import { MoveDialog } from "../parts/move_dialog.js";
import { Notes } from "../parts/notes.js";
import { Skeleton, mount } from "../parts/page.js";
import { Timeline } from "../parts/timeline.js";
import { Slow, Trouble } from "../parts/trouble.js";
import { ZoneLine } from "../parts/zone_line.js";
import { isOver, titleOf } from "../words/booking.js";
import { limitInWords, refusalInWords } from "../words/policy.js";

const ID = location.pathname.split("/").at(-1);
const WAITING = {
  pending: "Your host has not confirmed this booking yet.",
  awaiting_payment: "This booking is confirmed once it is paid.",
};
const clientLink = (person) => portal(`/admin/clients/${encodeURIComponent(person.email ?? person.phone)}`);

function Booking({ session }) {
  const zone = useZone();
  const [dialog, setDialog] = useState(null); // cancel | move | feed
  const [moved, setMoved] = useState(location.search === "?moved");
  const load = useLoad((signal) => readBooking(ID, signal), ID, { poll: true });
  const page = load.data;
  const now = new Date();
  useEffect(() => {
    if (!page) return;
    document.title = `${titleOf(page.booking)} · Bookings`;
    history.replaceState(null, "", portal(`/bookings/${page.booking.id}`)); // of two that were one, the id that stayed
  }, [page]);
  const close = () => setDialog(null);
  const done = async (booking) => {
    if (booking && booking.id !== page.booking.id) return location.assign(`${portal(`/bookings/${booking.id}`)}?moved`);
    setMoved(Boolean(booking));
    await load.reload();
    // The button that opened the dialog may be gone: the focus goes to the page, not nowhere.
    setTimeout(() => document.activeElement === document.body && document.getElementById("main").focus());
  };
  const shared = { page, zone, now, close, done };

  return html`
    <p class="back"><a href=${portal("/bookings")}>← My bookings</a></p>
    ${page ? null : html`<h1>Booking</h1>`}
    <${Slow} slow=${load.slow} />
    <${Trouble} problem=${load.error} retry=${load.error?.code === "not_found" ? null : load.reload} />
    ${!page && load.loading ? html`<${Skeleton} />` : null}
    ${page ? html`
      <div class="heading"><h1><bdi>${titleOf(page.booking)}</bdi></h1><${Status} booking=${page.booking} now=${now} /></div>
      <${ZoneLine} now=${now} />
      <${Notices} page=${page} />
      <section class="card" aria-label="Details">
        <${BookingDetails} ...${{ page, zone, now }} clientLink=${page.actions?.part === "staff" ? clientLink : null} />
        ${page.booking.removed ? null : html`<${Actions} ...${{ page, zone, moved, open: setDialog }} />`}
      </section>
      ${page.booking.removed ? null : html`<section class="card"><h2>Agenda and notes</h2><${Notes} ...${{ page, session, zone, reload: load.reload }} /></section>`}
      <section class="card"><h2>History and messages</h2>
        <${Timeline} entries=${page.timeline} ...${{ zone, now }} raw=${session.role === "admin"} /></section>` : null}
    ${dialog === "cancel" ? html`<${CancelDialog} ...${shared} />` : null}
    ${dialog === "move" ? html`<${MoveDialog} ...${shared} />` : null}
    ${dialog === "feed" ? html`<${FeedDialog} close=${close} />` : null}`;
}

function Notices({ page: { booking, actions } }) {
  const staff = actions?.part === "staff";
  const waiting = !staff && !booking.reschedule_requested && WAITING[booking.status];
  return html`
    ${staff ? html`<p class="notice">You see this booking as the team. <a href=${portal("/admin", { booking: booking.id, period: "all" })}>Open it among all bookings</a></p>` : null}
    ${booking.reschedule_requested ? html`<p class="notice">${staff ? "The client was asked to pick a new time." : "Your host asks you to pick a new time."}</p>` : null}
    ${waiting ? html`<p class="notice">${waiting}</p>` : null}`;
}

function Actions({ page, zone, moved, open }) {
  const { booking, actions } = page;
  const { cancel, move, contact } = actions ?? {};
  const sentences = [
    refusalInWords("cancel", cancel, contact, zone), refusalInWords("move", move, contact, zone),
    limitInWords("cancel", cancel, booking, zone), limitInWords("move", move, booking, zone),
  ].filter((sentence, place, all) => sentence && all.indexOf(sentence) === place);
  const calendar = isOver(booking) || booking.reschedule_requested ? null : html`<${CalendarMenu} booking=${booking} subscribe=${() => open("feed")} />`;
  return html`
    ${moved && calendar ? html`<div class="notice row do"><span>The booking has moved. Put the new time into your calendar:</span>${calendar}</div>` : null}
    <div class="row do">
      ${move?.allowed ? html`<button type="button" class="primary" onClick=${() => open("move")}>${booking.reschedule_requested ? "Pick a new time" : "Move"}</button>` : null}
      ${moved ? null : calendar}
      ${cancel?.allowed ? html`<button type="button" onClick=${() => open("cancel")}>${actions.part === "seat" ? "Give up my seat" : "Cancel"}</button>` : null}
    </div>
    ${sentences.map((sentence) => html`<p class="muted">${sentence}</p>`)}`;
}

mount(Booking, { title: "Booking" });
