"""Where a booking takes place, in words a person knows.

Cal.com's `location` is a URL, a marker of an app (`integrations:zoom`), a location type without its value
(`inPerson`), a phone number or an address; the meeting's URL may stand beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from shared.untrusted import mail_address

# Names of conferencing apps behind `integrations:<name>` and `integrations:<name>_video` (Cal.com, app-store).
_APPS = {
    "daily": "Cal Video",
    "google:meet": "Google Meet",
    "zoom": "Zoom",
    "office365": "Microsoft Teams",
    "msteams": "Microsoft Teams",
    "jitsi": "Jitsi Meet",
    "huddle01": "Huddle01",
    "tandem": "Tandem",
    "webex": "Webex",
    "whereby": "Whereby",
    "around": "Around",
    "riverside": "Riverside",
    "discord": "Discord",
    "facetime": "FaceTime",
    "whatsapp": "WhatsApp",
    "telegram": "Telegram",
    "signal": "Signal",
    "skype": "Skype",
    "jelly": "Jelly",
    "mirotalk": "MiroTalk",
    "nextcloudtalk": "Nextcloud Talk",
}
_APP_HOSTS = {
    "meet.google.com": "Google Meet",
    "zoom.us": "Zoom",
    "teams.microsoft.com": "Microsoft Teams",
    "teams.live.com": "Microsoft Teams",
    "webex.com": "Webex",
    "whereby.com": "Whereby",
    "meet.jit.si": "Jitsi Meet",
    "daily.co": "Cal Video",
}
# Cal.com's location types, where the value itself is missing → key in the catalogues.
_TYPES = {
    "inPerson": "in_person",
    "attendeeInPerson": "in_person",
    "phone": "by_phone",
    "userPhone": "by_phone",
    "link": "online",
    "conferencing": "online",
    "somewhereElse": "to_be_agreed",
}
_PHONE = re.compile(r"\+?[0-9][0-9 ().\-/]{5,24}")
_URL = re.compile(r"https?://[^\s<>\"\\]+", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """`name` as it is printed, or `key` of a word in the catalogues; `href` if one can call it or find it on a map."""

    name: str = ""
    key: str = ""
    href: str = ""


def place(location: str | None, meeting_url: str | None) -> Place | None:
    """The place, or None if nobody named one."""
    raw = (location or "").strip()
    if not raw:
        return _online(meeting_url) if web_address(meeting_url) else None
    if raw.startswith("integrations:"):
        app = raw.removeprefix("integrations:").removesuffix("_video").removesuffix("_conferencing")
        return Place(name=_APPS[app]) if app in _APPS else _online(meeting_url)
    if raw in _TYPES:
        return Place(key=_TYPES[raw])
    if "://" in raw:
        return _online(raw) if web_address(raw) else Place(name=raw)
    if _PHONE.fullmatch(raw):
        return Place(name=raw, href=link_to(raw))
    query = quote(raw[:200], safe="", errors="replace")
    return Place(name=raw, href="https://www.google.com/maps/search/?api=1&query=" + query)


def link_to(text: str | None) -> str:
    """Where a click on a way to reach somebody leads: call the number, write to the address, open the page; else ""."""
    raw = (text or "").strip()
    if _PHONE.fullmatch(raw):
        return "tel:" + re.sub(r"[^0-9+]", "", raw)
    if address := mail_address(raw):
        return "mailto:" + quote(address, safe="@+")
    return web_address(raw)


def web_address(url: str | None) -> str:
    """The URL if a browser may safely be sent there, else ""."""
    text = (url or "").strip()
    if len(text) > 2000 or not _URL.fullmatch(text):
        return ""
    try:
        return text if urlsplit(text).hostname else ""
    except ValueError:
        return ""


def _online(url: str | None) -> Place:
    address = web_address(url)
    host = urlsplit(address).hostname or "" if address else ""
    for known, name in _APP_HOSTS.items():
        if host == known or host.endswith("." + known):
            return Place(name=name)
    return Place(key="online")
