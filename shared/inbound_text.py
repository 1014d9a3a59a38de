"""A text that somebody sent to us: which word it is, and what we answer.

A STOP belongs to the number and speaks of texts alone: CANCEL is one, as carriers want it, and cancels no booking.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

from pydantic import JsonValue

from shared.receipt import code
from shared.twilio_calls import Form
from shared.wording import catalogue, language_of

Word = Literal["stop", "start", "help"]

# Twilio's own words (twilio.com/docs/messaging/tutorials/advanced-opt-out), and STOP and HELP in our languages. What
# also means to call off a meeting, as in *annuler* or *cancelar*, is left out.
_WORDS: dict[Word, frozenset[str]] = {
    "stop": frozenset(
        {
            *("stop", "stopall", "unsubscribe", "cancel", "end", "quit"),
            *("stopp", "abmelden", "abbestellen", "austragen"),
            *("arret", "arreter", "arretez", "desabonner", "desinscrire"),
            *("parar", "alto", "baja", "detener"),
        }
    ),
    "start": frozenset({"start", "yes", "unstop"}),
    "help": frozenset({"help", "info", "hilfe", "aide", "ayuda"}),
}
_TYPES: dict[str, Word] = {"STOP": "stop", "START": "start", "HELP": "help"}
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_LONGEST = 40


@dataclass(frozen=True)
class InboundText:
    """`word` None: none that we act on. `answered`: Twilio has answered it by itself."""

    sid: str
    number: str
    word: Word | None
    answered: bool

    def as_json(self) -> dict[str, JsonValue]:
        """As the SQL function `record_inbound_text` takes it."""
        return {"sid": self.sid, "number": self.number, "word": self.word}


def read(form: Form) -> InboundText | None:
    """The text; None: it names no number that could be somebody's.

    With Advanced Opt-Out Twilio says in `OptOutType` which word it took it for, and answers itself.
    """
    fields = dict(form)
    sid, number = code(fields.get("MessageSid")), fields.get("From", "")
    if sid is None or not _NUMBER.fullmatch(number):
        return None
    taken_for = _TYPES.get(fields.get("OptOutType", "").upper())
    return InboundText(sid, number, taken_for or word_of(fields.get("Body", "")), answered=taken_for is not None)


def word_of(body: str) -> Word | None:
    """The word that a text consists of, whatever its case, accents, blanks and punctuation."""
    if len(body) > _LONGEST:
        return None
    said = "".join(letter for letter in unicodedata.normalize("NFKD", body) if letter.isalnum()).casefold()
    return next((word for word, spellings in _WORDS.items() if said in spellings), None)


def help_text(locale: str | None, contact: str) -> str:
    """Who writes, whom to ask and how to stop it, in the person's language. `contact` may be empty."""
    words = catalogue(language_of(locale))["sms"]
    return f"{words['help']} {words['contact'].format(contact=contact) if contact else ''}".strip()


def twiml(answer: str | None) -> bytes:
    """What Twilio is to do: answer with this text, or nothing."""
    message = f"<Message>{escape(answer)}</Message>" if answer else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{message}</Response>'.encode()
