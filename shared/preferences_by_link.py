"""Preferences of people without a session: the page that a link of ours opens, and what is posted from it.

There are two kinds of links. Every mail carries one that never expires (`unsubscribe`); mails get passed on, so it can
only turn things off and shows next to nothing. A link that was just mailed (`preferences`) proves who reads that
mailbox: for 15 minutes it may change everything but the number. GET never changes anything: mail scanners follow links.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared import database, link_mail, log, preferences_form, preferences_page, settings, tokens
from shared.errors import Invalid, InvalidLink, NotAllowed, ServiceError, Unavailable
from shared.preferences_form import Asked
from shared.web import Answer, Request

_TRIES = 3
_ACCEPTED: dict[str, JsonValue] = {"accepted": True}

Preferences = dict[str, Any]


class LinkWanted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    email: str = Field(max_length=1000)


def open_page(request: Request) -> Answer:
    """`GET ?token=…`: 200 and the page; 403 and a form for a new link where the token is worth nothing."""
    if not request.query.get("token"):
        return _link_form(request, 200)
    return _guarded(request, lambda email, widen: _show(request, _read(email, widen)))


def save(request: Request) -> Answer:
    """`POST ?token=…`: 200 and the page as it is now; 400 or 403, also a page, where nothing was changed."""
    return _guarded(request, lambda email, widen: _save(request, email, widen))


def mail_link(request: Request) -> Answer:
    """`POST /link`: 202, whoever asks for whatever address. JSON is answered with JSON, a form with a page."""
    is_form = (request.headers.get("Content-Type") or "").startswith("application/x-www-form-urlencoded")
    # curl and the like call JSON a form
    is_form = is_form and not request.body.lstrip().startswith(b"{")
    language = _accepted_language(request)
    address = _typed_address(request) if is_form else request.read(LinkWanted).email
    link_mail.ask(address, _network(request), language, request.started)
    if not is_form:
        return Answer(_ACCEPTED, status=202)
    page = preferences_page.link(language, "", preferences_page.words_of(language)["link"]["asked"], form=False)
    return _html(page, 202)


def _guarded(request: Request, act: Any) -> Answer:
    """Run `act(email, may_widen)` for the token's owner; whatever is wrong becomes a page too."""
    try:
        email, widen = _owner(request.query.get("token", ""))
        answer: Answer = act(email, widen)
        return answer
    except InvalidLink:
        return _link_form(request, 403)
    except ServiceError as error:
        if error.status < 500:
            raise
        log.warning("page of preferences not answered", code=error.code)
        language = _accepted_language(request)
        words = preferences_page.words_of(language)
        return _html(preferences_page.link(language, "", words["page"]["later"], good=False, form=False), error.status)


def _owner(token: str) -> tuple[str, bool]:
    """Whose link it is, and whether it may widen. Raises InvalidLink."""
    secrets, now = settings.load(settings.Links).secrets, datetime.now(UTC)
    for purpose, may_widen in (("unsubscribe", False), ("preferences", True)):
        try:
            email = tokens.read_link(token, purpose, secrets, now)
        except InvalidLink:
            continue
        if "@" in email:
            return email, may_widen
    raise InvalidLink()


def _read(email: str, widen: bool, changes: Mapping[str, JsonValue] | None = None) -> Preferences:
    return _call(
        "preferences_by_link", p_email=email, p_changes=None if changes is None else dict(changes), p_widen=widen
    )


def _call(function: str, **values: JsonValue) -> dict[str, Any]:
    """A call that does no harm twice. No mail program unsubscribes again after a failure that passes by itself."""
    for _ in range(_TRIES - 1):
        with suppress(Unavailable):
            return cast(dict[str, Any], database.as_service().call(function, **values))
    return cast(dict[str, Any], database.as_service().call(function, **values))


def _save(request: Request, email: str, widen: bool) -> Answer:
    try:
        asked = preferences_form.read(request.body, may_widen=widen)
    except NotAllowed:
        return _show(request, _read(email, widen), "page.not_this_way", status=403)
    except Invalid:
        return _show(request, _read(email, widen), "page.not_understood", status=400)
    if asked.mail_link:
        before = _read(email, widen)
        link_mail.ask(email, _network(request), _language(request, before), request.started)
        return _show(request, before, "more.mailed")
    if asked.problems:
        return _show(request, {**_read(email, widen), **asked.changes}, "page.not_saved", 400, asked.problems)
    texts_were_on = asked.changes == {"sms_reminders": False} and bool(_read(email, widen)["sms_reminders"])
    if asked.changes.get("sms_reminders"):
        _consent(request, email, asked)
    now = _read(email, widen, asked.changes)
    request.notes["changed"] = [*sorted(asked.changes)]
    return _show(request, now, _done(asked), sms_was_on=texts_were_on)


def _consent(request: Request, email: str, asked: Asked) -> None:
    """Texts were ticked beside the words of consent. Where there is no number to agree for, they stay off."""
    words = preferences_page.words_of(_language(request, _read(email, True)))
    if _call("consent_by_link", p_email=email, p_consent_text=words["sms"]["consent"]).get("refused"):
        del asked.changes["sms_reminders"]


def _done(asked: Asked) -> str:
    if asked.saved_all:
        return "page.saved"
    return "off.email_done" if "email_reminders" in asked.changes else "off.sms_done"


def _show(
    request: Request,
    shown: Preferences,
    notice: str = "",
    status: int = 200,
    problems: Mapping[str, str] | None = None,
    *,
    sms_was_on: bool = False,
) -> Answer:
    """The page of these preferences. `notice`: the key of what is said first."""
    language = _language(request, shown)
    words = preferences_page.words_of(language)
    text = preferences_page.sentence(words, notice).format(address=preferences_page.masked(shown["email"]))
    if notice.startswith("off."):
        text = f"{text} {words['off']['still']}"
    good = status == 200
    if shown["may_widen"]:
        portal = settings.load(settings.Links).portal_url
        return _html(preferences_page.wide(shown, language, portal, text, good=good, problems=problems), status)
    return _html(preferences_page.narrow(shown, language, text, good=good, sms_was_on=sms_was_on), status)


def _link_form(request: Request, status: int) -> Answer:
    language = _accepted_language(request)
    notice = preferences_page.words_of(language)["link"]["invalid"] if status != 200 else ""
    action = f"{settings.load(settings.Links).functions_url}/preferences/link"
    return _html(preferences_page.link(language, action, notice, good=False), status)


def _html(page: bytes, status: int) -> Answer:
    parts = urlsplit(settings.load(settings.Links).functions_url)
    policy = preferences_page.security_policy(f"{parts.scheme}://{parts.netloc}")
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
    return Answer(status=status, body=page, headers=headers)


def _language(request: Request, shown: Preferences) -> str:
    return preferences_page.language_for(shown["locale"], request.headers.get("Accept-Language"))


def _accepted_language(request: Request) -> str:
    return preferences_page.language_for(None, request.headers.get("Accept-Language"))


def _network(request: Request) -> str:
    return link_mail.network_of(request.headers.get("X-Forwarded-For"))


def _typed_address(request: Request) -> str:
    try:
        return parse_qs(request.body.decode(), max_num_fields=5).get("email", [""])[-1].strip()
    except ValueError:
        raise Invalid() from None
