// What the person who is signed in wants to be told, saved at each change, and what would be sent because of it.

import { rpc, table } from "./api.js";
import { useLoad } from "./load.js";
import { useCallback, useRef, useState } from "./preact.js";

const NOTHING = { unsaved: {}, saved: [], refused: null };
const FIELDS = ["email_reminders", "reminder_leads", "sms_reminders", "sms_lead", "quiet_start", "quiet_end", "quiet_email", "time_zone", "locale"];

/**
 * `wishes`: as `my_preferences` has them, with what is still on its way; `change({quiet_email: true})` saves.
 * One change after another leaves, each with its own fields only, so that none undoes another. One that was refused is
 * taken back: `refused` holds `{fields, problem, again}`.
 */
export function useWishes() {
  const list = useLoad((signal) => rpc("my_preferences", {}, { signal }), "wishes", { poll: true });
  const [state, setState] = useState(NOTHING);
  const queue = useRef({ sending: null, waiting: {} }).current;

  const change = async (fields) => {
    Object.assign(queue.waiting, fields);
    const show = (values) => setState((now) => ({ ...now, ...values, unsaved: { ...queue.sending, ...queue.waiting } }));
    show({ refused: null, saved: [] });
    if (queue.sending) return;
    let lost = {};
    while (Object.keys(queue.waiting).length) {
      queue.sending = queue.waiting;
      queue.waiting = {};
      try {
        const row = await write(list.data.email, queue.sending);
        const saved = Object.keys(queue.sending);
        queue.sending = null;
        // Who turns texts off takes back the consent.
        list.change((now) => ({ ...now, ...row, sms_consent: now.sms_consent && row.sms_reminders }));
        show({ saved });
      } catch (problem) {
        lost = { ...lost, ...queue.sending };
        queue.sending = null;
        const refused = { ...lost };
        show({ refused: { fields: Object.keys(refused), problem, again: () => change(refused) } });
      }
    }
    // Also ends a question that was asked before, and would bring what was true then.
    list.reload({ quiet: true });
  };

  const replace = useCallback((wishes) => list.change(() => wishes), []);
  return { ...list, ...state, wishes: list.data && { ...list.data, ...state.unsaved }, change, replace };
}

/** Who has said nothing so far has no row. → the row */
async function write(email, fields) {
  const update = () => table("notification_preferences", (t) => t.update(fields).eq("email", email).select());
  const rows = await update();
  if (rows.length) return rows[0];
  await table("notification_preferences", (t) => t.upsert({ email }, { onConflict: "email", ignoreDuplicates: true }));
  return (await update())[0];
}

/** The next bookings and what would be sent for them: `[{booking, messages}]`, asked again at each change of the wishes. */
export function usePlan(wishes, count) {
  const given = Object.fromEntries(FIELDS.map((name) => [name, wishes[name]]));
  const key = JSON.stringify([given, wishes.phone, wishes.sms_consent, wishes.no_texts]);
  return useLoad(async (signal) => {
    const bookings = await rpc("search_bookings", { p_period: "upcoming", p_page_size: count }, { signal });
    return Promise.all(bookings.map(async (booking) => ({
      booking, messages: await rpc("preview_plan", { p_booking_id: booking.id, p_preferences: given }, { signal }),
    })));
  }, key, { poll: true });
}

/** The consent that stands: `{phone, text_shown, given_at}`, or undefined. */
export async function consentOf(wishes, signal) {
  const rows = await table("sms_consents", (t) => t.select("phone,text_shown,given_at").eq("email", wishes.email)
    .is("withdrawn_at", null).order("given_at", { ascending: false }), { signal });
  return rows.find((consent) => consent.phone === wishes.phone);
}
