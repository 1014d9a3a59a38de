// A person in words: their language, their wishes, whether messages reach them.

import { minutes } from "./time.js";

/** Links to a number and to an address, if they are ones. */
export const telOf = (phone) => (/^\+?[0-9 ()/-]{4,}$/.test(phone ?? "") ? `tel:${phone.replace(/[^+0-9]/g, "")}` : null);
export const mailtoOf = (email) => (/^[^@\s]+@[^@\s]+$/.test(email ?? "") ? `mailto:${encodeURIComponent(email).replace("%40", "@")}` : null);

/** `German`; what is no language stays as it is. */
export function languageName(locale) {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(locale);
  } catch {
    return locale;
  }
}

const REACH = {
  reached: ["Reached", "good", "The newest messages about their bookings have arrived."],
  on_the_way: ["On the way", "wait", "The newest messages about their bookings have left or are about to."],
  not_reached: ["Not told yet", "off", "No message about their bookings has arrived."],
  unreachable: ["Unreachable", "bad", "The newest message did not arrive on any channel."],
};

/** `reach`: as client_page gives it; null: no booking to come. → `{text, tone, sentence}` */
export function reachInWords(reach) {
  if (!reach) return { text: "Nothing to tell", tone: "off", sentence: "There is no booking to come." };
  const [text, tone, sentence] = REACH[reach.state] ?? [reach.state, "off", ""];
  return { text, tone, sentence };
}

/** What a person without wishes of their own gets. */
const DEFAULTS = {
  email_reminders: true, reminder_leads: [1440, 60], sms_reminders: false, quiet_start: "21:00:00", quiet_end: "08:00:00", quiet_email: false,
};

/** `[term, sentence]` for each wish. */
export function wishesInWords(wishes) {
  const w = wishes ?? DEFAULTS;
  const leads = [...w.reminder_leads].sort((a, b) => b - a).map(minutes);
  const quiet = w.quiet_start === w.quiet_end ? "None"
    : `${w.quiet_start.slice(0, 5)} – ${w.quiet_end.slice(0, 5)}, for ${w.quiet_email ? "texts and e-mail" : "texts"}`;
  return [
    ["Reminders by e-mail", w.email_reminders && leads.length ? `${leads.join(" and ")} before` : "Off"],
    ["Reminders by text", w.sms_reminders ? `${minutes(w.sms_lead)} before` : "Off"],
    ...(w.phone ? [["Number for texts", `${w.phone}, ${w.phone_verified_at ? "confirmed" : "not confirmed"}`]] : []),
    ["Quiet hours", quiet],
  ];
}
