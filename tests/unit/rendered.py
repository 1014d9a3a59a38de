"""Rendered examples for the tests of the messages."""

from __future__ import annotations

import re
from html import unescape
from typing import Any, get_args

from local.mails import LINKS, example
from shared.messages import Claimed, Email, render
from shared.notification import Kind

KINDS = get_args(Kind)
PAGE = "https://booking.example.com/portal/bookings/018f2c1e-0000-4000-8000-000000000001"


def mail(claimed: Claimed) -> Email:
    message = render(claimed, LINKS)
    assert isinstance(message, Email)
    return message


def written(kind: str, language: str = "en", **booking: Any) -> Email:
    return mail(example(kind, language, **booking))


def attended(claimed: Claimed, **attendee: Any) -> Claimed:
    return claimed.model_copy(update={"attendee": claimed.attendee.model_copy(update=attendee)})


def visible(html: str) -> str:
    """What a person sees of a mail, on one line."""
    body = re.sub(r'<!--.*?-->|<head>.*?</head>|<div style="display: none.*?</div>', "", html, flags=re.S)
    return one_line(unescape(re.sub(r"<[^>]+>", " ", body)))


def one_line(text: str) -> str:
    """Without line ends and runs of spaces; other kinds of space stay."""
    return re.sub(r"[ \n]+", " ", text)
