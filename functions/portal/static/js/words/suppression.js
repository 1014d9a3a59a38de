// Why an address or a number gets nothing more, and what it means to lift that.

const WHY = {
  "email bounced": ["Mail to this address came back for good.",
    "Lift this once the client has told you that the address works. If it does not, the next mail comes back and the address is blocked again. Our mail provider may keep a list of its own: take the address off there, too."],
  "email complained": ["A mail to this address was marked as spam.",
    "Lift this only if the client asks you to. Mail that is marked as spam again makes it harder for all our mail to arrive."],
  "sms bounced": ["This number takes no texts.",
    "Lift this once the client has told you that the number takes texts. If it does not, the next text fails and the number is blocked again."],
  "sms stopped": ["This number answered STOP to our texts.",
    "The provider keeps it blocked until the client texts START from that telephone, and that lifts it here as well. Lifting it only here leads to texts that the provider refuses."],
};

/** `{why, lifting}`: what happened, and what to know before lifting it; `lifting` is null where it may not be lifted here. */
export function suppressionInWords({ channel, reason }) {
  if (reason === "erased") return { why: "The data of this person was erased. They are not written to any more.", lifting: null };
  const [why, lifting] = WHY[`${channel} ${reason}`]
    ?? [channel === "sms" ? `This number gets no texts any more (${reason}).` : `This address gets no mail any more (${reason}).`,
      "Lift this only if you know why it is here, and that it is no longer so."];
  return { why, lifting };
}

/** What lifting does, whatever the reason was. */
export const AFTER_LIFTING = "Reminders of bookings to come are planned again, as the client wishes them. Confirmations and changes that "
  + "were left out meanwhile are not sent by themselves: send a booking's confirmation again from its page.";
