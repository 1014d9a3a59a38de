"""What an e-mail says, before it has a form: the HTML part and the text part print the same `Letter`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from shared import calendar_links, local_time
from shared.local_time import Span
from shared.notification import Claimed, ClaimedBooking
from shared.place import Place, link_to, place, web_address
from shared.untrusted import mail_address, one_line, paragraphs
from shared.wording import Catalogue, catalogue, language_of

Tone = Literal["good", "news", "wait", "bad"]
_TONES: dict[str, Tone] = {"confirmation": "good", "requested": "wait", "pick_new_time": "wait", "replaced": "news"}


@dataclass(frozen=True)
class Links:
    """Addresses that are not in the row."""

    portal: str  # base of the portal's pages
    unsubscribe: str  # this recipient's own page of settings, which also takes the one-click POST of RFC 8058
    from_: str  # sender, `Name <address>` or an address


@dataclass(frozen=True)
class Fact:
    """A labelled line. `href` makes it a link."""

    label: str
    text: str
    href: str = ""


@dataclass(frozen=True)
class Button:
    text: str
    href: str


@dataclass(frozen=True)
class Letter:
    """All texts in the recipient's language, unescaped; absent ones are empty."""

    language: str
    tone: Tone
    label: str
    title: str
    subject: str
    when: Span
    over: bool  # the time no longer stands
    previous: Span | None
    host_time: str
    lead: tuple[str, ...]
    facts: tuple[Fact, ...]
    agenda: tuple[str, ...]
    buttons: tuple[Button, ...]
    calendar_links: tuple[Button, ...]
    calendar_note: str
    questions: str
    contact: Fact | None
    why: str
    unsubscribe: str
    meeting_url: str
    location: str
    page: str
    words: Catalogue


def compose(claimed: Claimed, links: Links) -> Letter:
    """The letter for one claimed e-mail."""
    booking = claimed.booking
    language = language_of(claimed.locale)
    words = catalogue(language)
    when, previous, host_time = _times(claimed, words)
    label, title = words["label"][claimed.theme], title_of(booking, words, 200)
    meeting_url = web_address(booking.meeting_url) or web_address(booking.location)
    join_url = meeting_url if claimed.takes_place else ""
    where = place(booking.location, meeting_url)
    where_text = place_text(where, words)
    page = portal_page(claimed, links)
    location = meeting_url if meeting_url and where and not where.href else where_text
    questions, contact = _questions(booking, words)
    return Letter(
        language=language,
        tone=_TONES.get(claimed.theme, "bad" if claimed.ended else "news"),
        label=label,
        title=title,
        subject=words["subject"]["line"].format(label=label, title=title_of(booking, words, 80), when=when.short),
        when=when,
        over=claimed.ended,
        previous=previous,
        host_time=host_time,
        lead=_lead(claimed, previous is not None, words),
        facts=_facts(claimed, where, where_text, join_url, words),
        agenda=() if claimed.ended else paragraphs(booking.description, 3000),
        buttons=_buttons(claimed, links, page, join_url, words),
        calendar_links=_calendar_links(booking, title, location, page, words) if claimed.takes_place else (),
        calendar_note=_calendar_note(claimed, words),
        questions=questions,
        contact=contact,
        why=words["footer"]["why"].format(recipient=one_line(claimed.recipient, 320)),
        unsubscribe=links.unsubscribe,
        meeting_url=join_url,
        location=location,
        page=page,
        words=words,
    )


def clock_of(claimed: Claimed) -> tuple[ZoneInfo, str]:
    """The recipient's zone and the CLDR locale to write times in."""
    zone = local_time.zone_of(claimed.time_zone, claimed.booking.host_time_zone)
    return zone, local_time.locale_for(language_of(claimed.locale), claimed.locale, zone)


def title_of(booking: ClaimedBooking, words: Catalogue, limit: int) -> str:
    """What the booking is called, on one line."""
    return one_line(booking.title, limit) or one_line(booking.event_type_title, limit) or words["subject"]["untitled"]


def place_text(where: Place | None, words: Catalogue) -> str:
    """The place in the recipient's language, "" if nobody named one."""
    if where is None:
        return ""
    return words["places"][where.key] if where.key else one_line(where.name, 300)


def portal_page(claimed: Claimed, links: Links) -> str:
    """The booking's page. Who is no longer in it has no sight of that page, only of the list."""
    bookings = f"{links.portal.rstrip('/')}/bookings"
    return bookings if claimed.theme == "left_out" else f"{bookings}/{claimed.booking.id}"


def _times(claimed: Claimed, words: Catalogue) -> tuple[Span, Span | None, str]:
    """The time, the earlier time on a move, and the same time on the host's clock where that shows another."""
    booking = claimed.booking
    zone, locale = clock_of(claimed)
    start, end = claimed.time
    when = local_time.span(start, end, zone, locale, words)
    earlier = claimed.earlier_time
    previous = local_time.span(*earlier, zone, locale, words) if earlier else None
    host_zone = local_time.zone_of(booking.host_time_zone, zone.key)
    if claimed.ended or not local_time.differs(start, end, zone, host_zone):
        return when, previous, ""
    at_host = local_time.span(start, end, host_zone, locale, words)
    if at_host.date == when.date:
        return when, previous, f"{at_host.times}, {at_host.zone}"
    return when, previous, at_host.line


def _lead(claimed: Claimed, moved: bool, words: Catalogue) -> tuple[str, ...]:
    key = "requested_move" if claimed.kind == "requested" and moved else claimed.theme
    sentences = [words["lead"][key]]
    if claimed.booking.series_id:
        sentences.append(words["lead"]["series"])
    return tuple(sentences)


def _facts(
    claimed: Claimed, where: Place | None, where_text: str, meeting_url: str, words: Catalogue
) -> tuple[Fact, ...]:
    booking, label = claimed.booking, words["facts"]
    facts = [Fact(label["host"], one_line(booking.host_name, 120))]
    if where is not None:
        facts.append(Fact(label["place"], where_text, where.href))
    facts.append(Fact(label["join"], meeting_url, meeting_url))
    facts.append(Fact(label["cancelled_by"], _who_cancelled(claimed, words)))
    facts.append(Fact(label["reason"], reason_of(claimed, 1000)))
    return tuple(fact for fact in facts if fact.text)


def _who_cancelled(claimed: Claimed, words: Catalogue) -> str:
    by = claimed.booking.cancelled_by
    if claimed.theme != "cancelled" or by not in ("client", "staff"):
        return ""
    return words["by"]["self" if by == "client" and claimed.attendee.role != "guest" else by]


def reason_of(claimed: Claimed, limit: int) -> str:
    """Why it ended, or why this person is left out, if somebody said so."""
    if not claimed.ended or claimed.theme == "replaced":
        return ""
    # Cal.com opens the reason of a request for another time with this sentence.
    return one_line(claimed.booking.cancellation_reason, limit).removeprefix("Please reschedule.").strip()


def _buttons(claimed: Claimed, links: Links, page: str, meeting_url: str, words: Catalogue) -> tuple[Button, ...]:
    text = words["buttons"]
    if claimed.kind == "pick_new_time":
        return (Button(text["choose"], page),)
    view = Button(text["view"], page)
    if meeting_url:
        return Button(text["join"], meeting_url), view
    if claimed.ended and claimed.theme != "replaced" and claimed.attendee.role != "guest":
        return view, Button(text["book"], f"{links.portal.rstrip('/')}/book")
    return (view,)


def _calendar_links(
    booking: ClaimedBooking, title: str, location: str, page: str, words: Catalogue
) -> tuple[Button, ...]:
    add, entry = words["add"], (title, booking.starts_at, booking.ends_at, page, location)
    return (
        Button(add["google"], calendar_links.google(*entry)),
        Button(add["outlook"], calendar_links.microsoft("outlook.live.com", *entry)),
        Button(add["office"], calendar_links.microsoft("outlook.office.com", *entry)),
    )


def _calendar_note(claimed: Claimed, words: Catalogue) -> str:
    if claimed.calendar is None:
        return ""
    if claimed.calendar.method == "CANCEL":
        special = {"requested": "CANCEL_EARLIER", "replaced": "CANCEL_SECOND"}
        return words["calendar"][special.get(claimed.theme, "CANCEL")]
    return words["calendar"]["REQUEST" if claimed.kind == "confirmation" else "UPDATE"]


def _questions(booking: ClaimedBooking, words: Catalogue) -> tuple[str, Fact | None]:
    """How to ask: by a reply, if that reaches an address, and by the contact that the team named."""
    reply_to, contact = mail_address(booking.reply_to), one_line(booking.contact, 300)
    if contact.lower() == reply_to.lower():  # replies go there already
        contact = ""
    if not contact:
        return (words["footer"]["reply"] if reply_to else ""), None
    return words["footer"]["reply_or" if reply_to else "contact"], Fact("", contact, link_to(contact))
