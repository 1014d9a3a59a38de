"""Where a booking takes place, from what Cal.com writes."""

from __future__ import annotations

import re

import pytest

from shared.place import Place, link_to, place, web_address
from shared.wording import LANGUAGES, catalogue
from tests.unit.rendered import written


@pytest.mark.parametrize(
    ("location", "meeting_url", "expected"),
    [
        ("integrations:daily", None, Place(name="Cal Video")),
        ("integrations:google:meet", None, Place(name="Google Meet")),
        ("integrations:office365_video", None, Place(name="Microsoft Teams")),
        ("integrations:whereby_video", None, Place(name="Whereby")),
        ("integrations:brand-new_video", None, Place(key="online")),
        ("integrations:brand-new_video", "https://us02web.zoom.us/j/1", Place(name="Zoom")),
        ("https://meet.google.com/abc", None, Place(name="Google Meet")),
        ("https://notzoom.us/j/1", None, Place(key="online")),
        ("https://video.example.com/room", None, Place(key="online")),
        ("inPerson", None, Place(key="in_person")),
        ("attendeeInPerson", None, Place(key="in_person")),
        ("userPhone", None, Place(key="by_phone")),
        ("conferencing", None, Place(key="online")),
        ("somewhereElse", None, Place(key="to_be_agreed")),
        ("+49 (30) 90-1820", None, Place(name="+49 (30) 90-1820", href="tel:+4930901820")),
        ("+15550100003", None, Place(name="+15550100003", href="tel:+15550100003")),
        (
            "Straße 1, 10117 Berlin",
            None,
            Place(
                name="Straße 1, 10117 Berlin",
                href="https://www.google.com/maps/search/?api=1&query=Stra%C3%9Fe%201%2C%2010117%20Berlin",
            ),
        ),
        ("ftp://example.com", None, Place(name="ftp://example.com")),
        (None, "https://meet.google.com/abc", Place(name="Google Meet")),
        (None, "javascript:alert(1)", None),
        ("  ", None, None),
        (None, None, None),
    ],
)
def test_place(location: str | None, meeting_url: str | None, expected: Place | None) -> None:
    assert place(location, meeting_url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//example.com",
        "https://",
        "https://a b",
        'https://a"b',
        "http://[::1",
        "https://example.com/\nx",
        "https://example.com/<x>",
        "https://example.com/" + "x" * 2000,
        "",
        None,
    ],
)
def test_unsafe_addresses_are_no_links(url: str | None) -> None:
    assert web_address(url) == ""


def test_link_to() -> None:
    assert link_to("+49 30 901820") == "tel:+4930901820"
    assert link_to("team+berlin@example.com") == "mailto:team+berlin@example.com"
    assert link_to("https://example.com/help") == "https://example.com/help"
    assert link_to("ask at the desk") == ""


def test_places_are_links_in_the_mail() -> None:
    assert '<a class="link" href="tel:+4930901820"' in written("confirmation", location="+49 30 901820").html
    address = written("confirmation", location="Main Street 1 & 2", meeting_url=None)
    assert re.search(
        r'href="https://www.google.com/maps/[^"]+Main%20Street[^"]+"[^>]*>Main Street 1 &amp; 2</a>', address.html
    )
    assert "Place: Main Street 1 & 2" in address.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_marker_of_cal_com_reaches_a_person(language: str) -> None:
    for location in ("integrations:unknown_video", "inPerson", "userPhone", "somewhereElse"):
        email = written("confirmation", language, location=location, meeting_url=None)
        assert location not in email.html + email.text + email.attachments[0].content.decode()
        key = place(location, None)
        assert key is not None
        assert catalogue(language)["places"][key.key] in email.text


def test_half_a_letter_breaks_no_link() -> None:
    found = place("\ud800 Street", None)
    assert found is not None
    assert found.href.endswith("query=%3F%20Street")
