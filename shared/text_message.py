"""The text message for a notification: what, when and in which zone, in one segment where the language allows.

A segment holds 160 characters of the GSM alphabet (3GPP TS 23.038), or 70 as soon as one is outside it. So accents
that the alphabet lacks are left out, emoji are dropped, the title gives way, and what is merely useful comes last and
only if there is room. The way into an online meeting is told even if it needs a second segment: whoever has only a
telephone number learns it nowhere else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from shared import local_time
from shared.letter import Links, clock_of, portal_page, reason_of, title_of
from shared.letter import place_text as in_words
from shared.notification import Claimed
from shared.place import place, web_address
from shared.untrusted import one_line
from shared.wording import Catalogue, catalogue, language_of

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_DOUBLE = frozenset("^{}\\[~]|€")  # written with an escape: two places each
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("–—→•·", "-"),
        **dict.fromkeys("‘’‚", "'"),
        **dict.fromkeys("“”„«»", '"'),
        **dict.fromkeys("\u00a0\u202f\u2009", " "),
        "…": "...",
        "œ": "oe",
        "Œ": "OE",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ı": "i",
    }
)
_PICTURES = re.compile("[\u200d\ufe0e\ufe0f\u20e3\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\U000e0020-\U000e007f]")
_TITLE_LENGTHS = (60, 40, 30, 20)  # longest first
_LONGEST_URL = 300


def body(claimed: Claimed, links: Links) -> str:
    """The text of one claimed SMS."""
    words = catalogue(language_of(claimed.locale))
    text = " ".join([_core(claimed, words), *_needed(claimed, links, words)])
    for addition in _useful(claimed, words):
        longer = plain(f"{text} {addition}")
        if segments(longer) == 1:
            text = longer
    return text


def plain(text: str) -> str:
    """The text in the GSM alphabet where that is possible by leaving out accents and emoji."""
    without = " ".join(_PICTURES.sub("", text).translate(_PLAIN).split())
    spelled = "".join(letter if _is_gsm(letter) else _without_accent(letter) for letter in without)
    return spelled if all(map(_is_gsm, spelled)) else without


def segments(text: str) -> int:
    """How many messages the network makes of it, and the sender pays for."""
    if all(map(_is_gsm, text)):
        places, one, each = len(text) + sum(letter in _GSM_DOUBLE for letter in text), 160, 153
    else:
        places, one, each = len(text.encode("utf-16-be")) // 2, 70, 67
    return 1 if places <= one else -(-places // each)


def _is_gsm(letter: str) -> bool:
    return letter in _GSM or letter in _GSM_DOUBLE


def _without_accent(letter: str) -> str:
    return "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))


def _core(claimed: Claimed, words: Catalogue) -> str:
    """What and when: with the longest title that costs no further segment."""
    zone, locale = clock_of(claimed)
    when = local_time.span(*claimed.time, zone, locale, words).brief
    pattern = words["sms"][claimed.theme]
    titles = (plain(title_of(claimed.booking, words, length)) for length in _TITLE_LENGTHS)
    texts = [plain(pattern.format(title=title or words["subject"]["untitled"], when=when)) for title in titles]
    return min(texts, key=segments)


def _needed(claimed: Claimed, links: Links, words: Catalogue) -> Iterator[str]:
    """What this person cannot do without."""
    booking = claimed.booking
    meeting_url = web_address(booking.meeting_url) or web_address(booking.location)
    contact = one_line(booking.contact, 80)
    if claimed.takes_place and len(meeting_url) in range(1, _LONGEST_URL):
        yield words["sms"]["join"].format(url=meeting_url)
    if claimed.kind == "pick_new_time" and claimed.attendee.email:
        yield words["sms"]["portal"].format(url=portal_page(claimed, links))
    elif claimed.kind == "pick_new_time" and contact:
        yield plain(words["sms"]["contact"].format(contact=contact))


def _useful(claimed: Claimed, words: Catalogue) -> Iterator[str]:
    """What is told if there is room, most useful first."""
    booking, sms = claimed.booking, words["sms"]
    zone, locale = clock_of(claimed)
    if earlier := claimed.earlier_time:
        yield sms["previously"].format(when=local_time.span(*earlier, zone, locale, words).short)
    where = in_words(place(booking.location, booking.meeting_url), words)
    if where and claimed.takes_place and not (web_address(booking.meeting_url) or web_address(booking.location)):
        yield sms["place"].format(place=where)
    if claimed.kind == "reminder":
        yield sms["stop"]
    if reason := reason_of(claimed, 80):
        yield sms["reason"].format(reason=reason.rstrip("."))
    if host := one_line(booking.host_name, 40):
        yield sms["host"].format(host=host)
    if claimed.kind != "pick_new_time" and (contact := one_line(booking.contact, 80)):
        yield sms["contact"].format(contact=contact)
