// When people are reminded, in words.

import { minutes } from "./time.js";

export const LEADS = [15, 30, 60, 120, 180, 1440, 2880, 10080, 20160]; // minutes, as they are offered
export const LEAST = 15;
export const LONGEST = 20160;
export const MOST = 6; // leads a person
export const UNITS = [[1, "minutes"], [60, "hours"], [1440, "days"]];

/** `1 day before`. */
export const before = (lead) => `${minutes(lead)} before`;

/** The lead that was typed, in minutes, and why it cannot be one: `{lead, error}`. */
export function typedLead(text, unit, chosen) {
  const lead = Math.round(Number(text.trim().replace(",", ".")) * unit);
  if (!text.trim() || !Number.isFinite(lead)) return { lead: null, error: "Please type a number." };
  if (lead < LEAST || lead > LONGEST) return { lead: null, error: `From ${minutes(LEAST)} to ${minutes(LONGEST)} before.` };
  if (chosen.includes(lead)) return { lead: null, error: "This one is chosen already." };
  return { lead, error: "" };
}

export const HALF_HOURS = Array.from({ length: 48 }, (_, half) => `${String(half >> 1).padStart(2, "0")}:${half % 2 ? "30" : "00"}`);
export const LANGUAGES = [["en", "English"], ["de", "Deutsch"], ["fr", "Français"], ["es", "Español"]];

// Kept with the consent as it was shown: new words are a new consent.
export const CONSENT = "I agree to get text reminders of my bookings on this number. Message and data rates may apply. Reply STOP to end them.";

/** What went wrong with a number or its code: `{field, text}`; null: say it as everywhere. */
export function numberTrouble(problem) {
  switch (problem?.code) {
    case "invalid": return { field: "phone", text: `Not usable: ${problem.detail.replace(/^phone: /, "") || "please look at it again"}.` };
    case "stopped": return { field: "phone", text: "This number has stopped our texts. Text START from it first, then try again." };
    case "suppressed": return { field: "phone", text: "Texts to this number do not arrive. Use another one, or ask us." };
    case "wrong_code": return { field: "code", text: `This is not the code. ${tries(problem.more.tries_left)}` };
    case "expired_code": return { field: "code", text: "This code does not work any more. Have a new one sent." };
    case "rate_limited": return { field: "", text: `Three codes a day are the most. ${again(problem.retryAfter)}` };
    default: return null;
  }
}

const tries = (left) => (left > 1 ? `You can try ${left} more times.` : left === 1 ? "You can try once more." : "Have a new one sent.");
const again = (seconds) => (seconds ? `The next can be sent in ${minutes(Math.ceil(seconds / 60 / (seconds > 7200 ? 60 : 1)) * (seconds > 7200 ? 60 : 1))}.` : "Please try again later.");
