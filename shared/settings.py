"""Settings: environment variables, in small groups. A function asks for the groups it needs when it is imported.

`require(Database, Mail)` fails with the names of all settings that are missing or unusable, so a deployment that lacks
one never takes a request. A secret has no default and may not be empty. `.env.example` documents each name.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields
from functools import cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

Read = Callable[[str], object]


class SettingsError(RuntimeError):
    """Settings are missing or unusable. The message names them and never shows a value."""


def _text(value: str) -> str:
    return value


def _url(value: str) -> str:
    """An http(s) address without a slash at its end."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("must be an http(s) address")
    return value.rstrip("/")


def _list(value: str) -> tuple[str, ...]:
    """A comma-separated list without empty members."""
    members = tuple(member.strip() for member in value.split(","))
    if not all(members):
        raise ValueError("has an empty member")
    return members


def _signing_secret(value: str) -> str:
    """`whsec_` and a key in base64, as Resend's dashboard shows it."""
    try:
        key = base64.b64decode(value.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise ValueError("must be whsec_ and a key in base64")
    return value


def _origins(value: str) -> tuple[str, ...]:
    return tuple(_url(member) for member in _list(value))


def _count(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise ValueError("must be a whole number above 0")
    return int(value)


def _setting(name: str, read: Read = _text) -> Any:
    return field(metadata={"name": name, "read": read})


def _secret(name: str, read: Read = _text) -> Any:
    return field(repr=False, metadata={"name": name, "read": read})


def _optional(name: str, default: object, read: Read = _text, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"name": name, "read": read})


@dataclass(frozen=True, kw_only=True)
class Database:
    """The Supabase project. The secret key is for the machinery; the publishable key goes with a user's token."""

    url: str = _setting("SUPABASE_URL", _url)
    publishable_key: str = _setting("SUPABASE_PUBLISHABLE_KEY")
    secret_key: str = _secret("SUPABASE_SECRET_KEY")


@dataclass(frozen=True, kw_only=True)
class PublicApi:
    """What browsers need of the Supabase project."""

    url: str = _setting("SUPABASE_URL", _url)
    publishable_key: str = _setting("SUPABASE_PUBLISHABLE_KEY")


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """Whose tokens are believed: the project's JWKS, or this one secret where its tokens are HS256."""

    supabase_url: str = _setting("SUPABASE_URL", _url)
    jwt_secret: str | None = _optional("SUPABASE_JWT_SECRET", None, secret=True)


@dataclass(frozen=True, kw_only=True)
class CalcomWebhook:
    """Secrets that Cal.com may sign with: one, or several while rotating."""

    secrets: tuple[str, ...] = _secret("CALCOM_WEBHOOK_SECRET", _list)


@dataclass(frozen=True, kw_only=True)
class CalcomApi:
    """Cal.com's API; `api_url` ends in its version, `/v2`. `origin`: where its pages are, for what we cannot do."""

    api_url: str = _optional("CALCOM_API_URL", "https://api.cal.com/v2", _url)
    api_key: str = _secret("CALCOM_API_KEY")
    origin: str = _optional("CALCOM_ORIGIN", "https://app.cal.com", _url)


@dataclass(frozen=True, kw_only=True)
class BookingPage:
    """What the page shows that embeds Cal.com: the link of the team or event type, and where Cal.com lives."""

    link: str = _setting("CALCOM_LINK")
    origin: str = _optional("CALCOM_ORIGIN", "https://app.cal.com", _url)


@dataclass(frozen=True, kw_only=True)
class Mail:
    """Resend. `sender` is the From of every mail, as `Name <address>` or an address."""

    api_url: str = _optional("RESEND_API_URL", "https://api.resend.com", _url)
    api_key: str = _secret("RESEND_API_KEY")
    sender: str = _setting("RESEND_FROM_EMAIL")


@dataclass(frozen=True, kw_only=True)
class MailReceipts:
    """The secret that Resend signs its events with (Svix)."""

    secret: str = _secret("RESEND_WEBHOOK_SECRET", _signing_secret)


@dataclass(frozen=True, kw_only=True)
class Sms:
    """Twilio. The auth token also signs its calls to us."""

    api_url: str = _optional("TWILIO_API_URL", "https://api.twilio.com", _url)
    account_sid: str = _setting("TWILIO_ACCOUNT_SID")
    auth_token: str = _secret("TWILIO_AUTH_TOKEN")
    messaging_service_sid: str = _setting("TWILIO_MESSAGING_SERVICE_SID")


@dataclass(frozen=True, kw_only=True)
class Links:
    """Where our own addresses begin, and the secrets that sign links: the first signs, all are believed."""

    functions_url: str = _setting("FUNCTIONS_URL", _url)
    portal_url: str = _setting("PORTAL_URL", _url)
    secrets: tuple[str, ...] = _secret("LINK_SECRET", _list)


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where our own addresses begin, for who signs no links."""

    functions_url: str = _setting("FUNCTIONS_URL", _url)
    portal_url: str = _setting("PORTAL_URL", _url)


@dataclass(frozen=True, kw_only=True)
class Scheduler:
    """Who may start a job: a shared token, a Google service account, or either.

    `service_account` is the e-mail in the caller's OIDC token, which is verified in full. Behind Cloud Run's own IAM
    check the token arrives without its signature: only there write `iam:` before the e-mail, and that form is taken.
    """

    token: str | None = _optional("SCHEDULER_TOKEN", None, secret=True)
    service_account: str | None = _optional("SCHEDULER_SERVICE_ACCOUNT", None)
    functions_url: str = _setting("FUNCTIONS_URL", _url)

    def __post_init__(self) -> None:
        if not self.token and not self.service_account:
            raise SettingsError("SCHEDULER_TOKEN or SCHEDULER_SERVICE_ACCOUNT")


@dataclass(frozen=True, kw_only=True)
class Browsers:
    """Origins whose pages may call us (CORS), and what a person is told and allowed there."""

    allowed_origins: tuple[str, ...] = _optional("ALLOWED_ORIGINS", (), _origins)
    support_contact: str = _optional("SUPPORT_CONTACT", "")
    actions_per_10_minutes: int = _optional("RATE_LIMIT_ACTIONS", 5, _count)


GROUPS = (
    *(Database, PublicApi, Sessions, CalcomWebhook, CalcomApi, BookingPage, Mail, MailReceipts, Sms, Links, Addresses),
    *(Scheduler, Browsers),
)
NAMES = frozenset(setting.metadata["name"] for group in GROUPS for setting in fields(group))

G = TypeVar("G")


def require(*groups: type[Any]) -> None:
    """Read these groups now. Raises SettingsError, which names all that is missing, not only the first."""
    problems: dict[str, None] = {}
    for group in groups:
        try:
            load(group)  # type: ignore[arg-type]  # a class is hashable
        except SettingsError as error:
            problems.update(dict.fromkeys(str(error).split(", ")))
    if problems:
        raise SettingsError("missing or unusable settings: " + ", ".join(problems))


@cache
def load(group: type[G]) -> G:
    """The group as the environment has it, read once a process. Raises SettingsError."""
    values: dict[str, object] = {}
    problems: list[str] = []
    for setting in fields(group):  # type: ignore[arg-type]  # every group is a dataclass
        try:
            _read(setting, values)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError(", ".join(problems))
    return group(**values)


def _read(setting: Field[Any], values: dict[str, object]) -> None:
    name: str = setting.metadata["name"]
    text = os.environ.get(name, "").strip()
    if text:
        try:
            values[setting.name] = setting.metadata["read"](text)
        except ValueError as error:
            raise ValueError(f"{name} ({error})") from None
    elif setting.default is not _REQUIRED:
        values[setting.name] = setting.default
    else:
        raise ValueError(name)


_REQUIRED = field().default
