// What to tell a person when something failed: one sentence of what happened, one of what to do.

const SENTENCES = {
  offline: ["You seem to be offline.", "What you typed is kept. Try again when you are connected."],
  timeout: ["This takes too long.", "Nothing you typed is lost. Please try again."],
  unavailable: ["Our service does not answer right now.", "Nothing you typed is lost. Please try again in a minute."],
  upstream_unavailable: ["The calendar service does not answer right now.", "Nothing was changed. Please try again in a minute."],
  internal: ["Something went wrong on our side.", "Nothing you typed is lost. Please try again."],
  not_found: ["This is not here.", "It may be somebody else's, or the address is incomplete."],
  not_allowed: ["You may look at this, but not change it.", ""],
  too_late: ["This can no longer be done online.", ""],
  too_many_moves: ["This booking has been moved as often as is possible online.", ""],
  already_cancelled: ["This booking is already cancelled.", ""],
  slot_taken: ["Somebody else has just taken this time.", "Please choose another one."],
  moved_meanwhile: ["This booking was moved meanwhile.", "The page shows its new time."],
  declined: ["Cal.com does not allow this.", "Nothing was changed."],
  not_possible: ["This cannot be done from here.", "Nothing was changed."],
  in_progress: ["This booking is being changed right now.", "Please look again in a moment."],
  uncertain: ["We could not see whether it worked.", "We are looking into it; please do not try again. This page will show what came of it."],
  wrong_code: ["This is not the code, or it has expired.", "Look for the newest mail, or have a new code sent."],
  wrong_password: ["Address and password do not belong together.", "Try again, or sign in with a code by e-mail."],
  conflict: ["This was changed meanwhile.", "Please reload the page."],
};

// After these there is nothing to try again: the booking is not what the page showed, or what came of it is being looked into.
const ENDS = ["uncertain", "already_cancelled", "moved_meanwhile", "too_late", "too_many_moves", "not_allowed", "not_found"];

export const endsTrying = (problem) => ENDS.includes(problem?.code);

/** → `{what, advice}`, both plain sentences; `advice` may be empty. */
export function inWords(problem) {
  if (problem.code === "rate_limited") {
    const wait = problem.retryAfter ? `in ${Math.max(1, Math.ceil(problem.retryAfter / 60))} min` : "in a few minutes";
    return { what: "That was a lot in a short time.", advice: `Nothing you typed is lost. Please try again ${wait}.` };
  }
  const known = SENTENCES[problem.code];
  const contact = problem.more?.contact ? `Call or write to ${problem.more.contact}.` : "";
  if (known) return { what: known[0], advice: [known[1], contact].filter(Boolean).join(" ") };
  const what = problem.detail || problem.title || "That did not work.";
  return { what: /[.!?]$/.test(what) ? what : `${what}.`, advice: contact || "Nothing you typed is lost." };
}
