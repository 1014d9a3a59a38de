"""One value of a body → what it ought to be, or None."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.calcom_values import (
    address,
    identifier,
    instant,
    line,
    locale,
    number,
    prose,
    time_zone,
    web_address,
    whole,
)

NINE = datetime(2026, 12, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-03T09:00:00Z",
        "2026-12-03T09:00:00.000Z",
        "2026-12-03T09:00:00+00:00",
        "2026-12-03T10:00:00+01:00",
        "2026-12-03T04:00:00-05:00",
        "2026-12-03T14:45:00+05:45",
        " 2026-12-03T09:00:00.000Z ",
    ],
)
def test_every_spelling_of_a_time(text: str) -> None:
    assert instant(text) == NINE


@pytest.mark.parametrize(
    "value",
    [None, "", 1796288400, True, "2026-12-03", "2026-12-03T09:00:00", "soon", "0001-01-01T00:00:00+14:00",
     "9999-12-31T23:59:59-14:00", "1066-10-14T09:00:00Z", "2026-12-03T09:00:00Z" + " " * 100, ["2026-12-03T09:00:00Z"]],
)  # fmt: skip
def test_no_time(value: object) -> None:
    assert instant(value) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" Omar@Client.Example ", "omar@client.example"),
        ("omar+clxyz0123456789abcdefghijk@client.example", "omar+clxyz0123456789abcdefghijk@client.example"),
        ("o'hara@client.example", "o'hara@client.example"),
        ("omar@localhost", None),
        ("omar@client.example\r\nBcc: all@client.example", None),
        ("Omar <omar@client.example>", None),
        ("a@b@client.example", None),
        ("\u212aarl@client.example", None),  # the Kelvin sign turns into k when lower-cased
        ("омар@client.example", None),
        ("a" * 65 + "@client.example", None),
        (5, None),
    ],
)
def test_an_address(value: object, expected: str | None) -> None:
    assert address(value) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("+33199001234", "+33199001234"),
        ("+33 (1) 99-00.12.34", "+33199001234"),
        ("0199001234", None),
        ("+0199001234", None),
        ("+33", None),
        ("+٣٣١٩٩٠٠١٢٣٤", None),
        (33199001234, None),
    ],
)
def test_a_number(value: object, expected: str | None) -> None:
    assert number(value) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["Europe/Berlin", "Asia/Calcutta", "America/Argentina/Ushuaia", "UTC", "Etc/GMT+5"])
def test_a_time_zone(name: str) -> None:
    assert time_zone(name) == name


@pytest.mark.parametrize(
    "name",
    [None, "", "Mars/Olympus", "Europe", "europe/berlin", "../etc/passwd", "/etc/localtime", "posix/Europe/Berlin",
     "Factory", "UTC+2", "Europe/Berlin\x00", "zone.tab", "Z" * 500],
)  # fmt: skip
def test_no_time_zone(name: str | None) -> None:
    assert time_zone(name) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [("de", "de"), ("pt-BR", "pt-BR"), ("zh_Hant_TW", "zh_Hant_TW"), ("", None), ("english", None), ("d", None)],
)
def test_a_locale(value: str, expected: str | None) -> None:
    assert locale(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://rooms.example/a?b=c#d", "https://rooms.example/a?b=c#d"),
        ("HTTP://rooms.example", "HTTP://rooms.example"),
        ("integrations:daily", None),
        ("javascript:alert(1)", None),
        ("https://", None),
        ("https://rooms.example/<script>", None),
        ("see https://rooms.example", None),
        ("https://rooms.example/" + "a" * 2000, None),
    ],
)
def test_a_web_address(value: str, expected: str | None) -> None:
    assert web_address(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7, 7), ("7", 7), (0, None), (-7, None), (7.0, None), (True, None), ("7" * 11, None), (2**31, None), ("٧", None)],
)
def test_a_whole_number(value: object, expected: int | None) -> None:
    assert whole(value) == expected  # type: ignore[arg-type]


def test_text() -> None:
    assert line("  Omar\r\nBcc: x\x1b[31m ", 100) == "Omar Bcc: x [31m"
    assert line("abc def", 4) == "abc"
    assert line(" \n ", 100) is line(5, 100) is line(None, 100) is None
    assert prose("one\r\ntwo\n\nthree\x07", 100) == "one\ntwo\n\nthree"


def test_an_identifier_is_never_cut() -> None:
    assert identifier(" uid ") == "uid"
    assert identifier("u" * 200) == "u" * 200
    assert identifier("u" * 201) is identifier("u\nv") is identifier("  ") is identifier(5) is None
