// A batch in words: what it does, and what came of each row.

import { inWords } from "./problems.js";

/** Each kind of batch: what it asks, what it will do, what it has done to so many bookings. */
export const KINDS = {
  cancel: {
    tone: "danger", keep: "Keep bookings",
    title: (count) => `Cancel ${bookingsInWords(count)}?`,
    will: (count) => `${bookingsInWords(count)} will be cancelled.`,
    go: (count) => `Cancel ${bookingsInWords(count)}`,
    done: (count) => `${bookingsInWords(count)} cancelled`,
  },
  resend: {
    tone: "primary", keep: "Send nothing",
    title: (count) => `Send the confirmation of ${bookingsInWords(count)} again?`,
    will: (count) => `${bookingsInWords(count)} will be confirmed again, to everybody who is in them.`,
    go: (count) => `Send ${count.toLocaleString("en")} again`,
    done: (count) => `${bookingsInWords(count)} confirmed again`,
  },
};
const OUTCOMES = {
  cancelled: "Cancelled", already_cancelled: "Was already cancelled", would_cancel: "Will be cancelled",
  would_resend: "Goes out again", resent: "Sent again", nothing_to_send: "Nobody to send it to",
};
const ERRORS = {
  not_confirmable: "Not a confirmed booking to come: there is nothing to confirm.",
  conflict: "There is nothing to confirm any more.",
  declined: "Cal.com does not allow it.",
  moved_meanwhile: "It was moved meanwhile.",
  internal: "Something went wrong on our side.",
  not_possible: "Cal.com cannot be asked about this booking.",
  not_found: "It is not there, or not yours.",
  not_allowed: "You may not change it.",
  upstream_unavailable: "Cal.com did not answer; nothing was changed.",
  uncertain: "Cal.com's answer was unclear; we are looking into it.",
  not_reached: "Not begun yet.",
};

export const bookingsInWords = (count) => `${count.toLocaleString("en")} booking${count === 1 ? "" : "s"}`;

/** → one short sentence. */
export const outcomeInWords = ({ outcome, error }) =>
  OUTCOMES[outcome] ?? ERRORS[error] ?? inWords({ code: error }).what;

/** Whether the row is as one wished. */
export const isDone = ({ outcome }) => outcome !== "failed";

/** Whom a cancellation tells: `Their people are told by 30 e-mails and 1 text.` */
export function tellsInWords(rows) {
  const tells = rows.flatMap((row) => row.tells ?? []);
  if (!tells.length) return "Nobody is told.";
  const by = (channel, one, many) => {
    const count = tells.filter((tell) => tell.channel === channel).length;
    return count ? `${count.toLocaleString("en")} ${count === 1 ? one : many}` : null;
  };
  return `Their people are told by ${[by("email", "e-mail", "e-mails"), by("sms", "text", "texts")].filter(Boolean).join(" and ")}.`;
}
