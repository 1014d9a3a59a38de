"""Links that open a filled-in new entry in Google's and Microsoft's calendars."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

_COMPACT, _EXTENDED = "%Y%m%dT%H%M%SZ", "%Y-%m-%dT%H:%M:%SZ"


def google(title: str, starts_at: datetime, ends_at: datetime, details: str, location: str) -> str:
    """Google Calendar. Times are UTC."""
    fields = {
        "action": "TEMPLATE",
        "text": title,
        "dates": f"{starts_at:{_COMPACT}}/{ends_at:{_COMPACT}}",
        "details": details,
        "location": location,
    }
    return "https://calendar.google.com/calendar/render?" + urlencode(fields)


def microsoft(host: str, title: str, starts_at: datetime, ends_at: datetime, details: str, location: str) -> str:
    """Outlook on the web: `outlook.live.com` for private accounts, `outlook.office.com` for work. Times are UTC."""
    fields = {
        "path": "/calendar/action/compose",
        "rru": "addevent",
        "subject": title,
        "startdt": f"{starts_at:{_EXTENDED}}",
        "enddt": f"{ends_at:{_EXTENDED}}",
        "body": details,
        "location": location,
    }
    return f"https://{host}/calendar/0/deeplink/compose?{urlencode(fields)}"
