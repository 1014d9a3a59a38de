"""A fresh link by mail: where a request comes from, what is mailed, and that nothing is told about anybody."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pytest_httpx import HTTPXMock

from shared import link_mail, tokens
from shared.errors import InvalidLink
from shared.wording import LANGUAGES

pytestmark = pytest.mark.usefixtures("environment")
NOTE = "https://project.example.com/rest/v1/rpc/note_link_request"
EMAILS = "https://mail.example.com/emails"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECRETS = ("first", "second")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_mail, "SECONDS", 1.2)
    monkeypatch.setattr(link_mail, "_PAUSE", 0.05)


def noted(httpx_mock: HTTPXMock, **answer: Any) -> None:
    httpx_mock.add_response(url=NOTE, json={"id": "r1", "mail": True, "locale": None} | answer, is_reusable=True)


def ask(address: str, language: str = "en") -> float:
    began = time.monotonic()
    link_mail.ask(address, "192.0.2.1/32", language, began)
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("forwarded", "network"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("10.0.0.1, 198.51.100.1 , 203.0.113.7 ", "203.0.113.7/32"),
        ("203.0.113.7, 2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7/32"),
        (None, "unknown"),
        ("", "unknown"),
        ("203.0.113.7,", "unknown"),
        ("x" * 5000, "unknown"),
    ],
)
def test_where_a_request_comes_from(forwarded: str | None, network: str) -> None:
    assert link_mail.network_of(forwarded) == network


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_mailed(language: str) -> None:
    body = json.loads(link_mail._payload("zoë@example.com", language, NOW))
    assert (body["to"], body["attachments"]) == (["zoë@example.com"], [])
    urls = re.findall(r"https://functions\.example\.com/preferences\?token=(\S+)", body["text"])
    fresh, unsubscribe = urls
    later = NOW + timedelta(minutes=15)
    assert tokens.read_link(fresh, "preferences", SECRETS, later - timedelta(seconds=1)) == "zoë@example.com"
    with pytest.raises(InvalidLink):
        tokens.read_link(fresh, "preferences", SECRETS, later)
    with pytest.raises(InvalidLink):
        tokens.read_link(fresh, "unsubscribe", SECRETS, NOW)
    assert tokens.read_link(unsubscribe, "unsubscribe", SECRETS, NOW + timedelta(days=9999)) == "zoë@example.com"
    assert body["headers"] == {
        "List-Unsubscribe": f"<https://functions.example.com/preferences?token={unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert fresh in body["html"]


def test_neither_address_nor_network_is_sent_to_be_kept(httpx_mock: HTTPXMock) -> None:
    noted(httpx_mock, mail=False)
    ask("Client@Example.com ")
    ask("\0")
    ask("x" * 400 + "@example.com")
    told = [json.loads(request.content) for request in httpx_mock.get_requests()]
    assert [one["p_email"] for one in told] == ["client@example.com", "nobody", "nobody"]
    for one in told:
        assert re.fullmatch("[0-9a-f]{64}", one["p_address_hash"])
        assert re.fullmatch("[0-9a-f]{64}", one["p_ip_hash"])
    assert len({one["p_ip_hash"] for one in told}) == 1
    assert len({one["p_address_hash"] for one in told}) == 2


def test_everybody_waits_as_long(httpx_mock: HTTPXMock) -> None:
    noted(httpx_mock)
    httpx_mock.add_response(url=EMAILS, json={"id": "m1"}, is_reusable=True)
    sent = ask("client@example.com")
    httpx_mock.reset()
    noted(httpx_mock, mail=False)
    unknown = ask("client@example.com")
    assert sent == pytest.approx(1.2, abs=0.15)
    assert unknown == pytest.approx(1.2, abs=0.15)
    httpx_mock.reset()
    httpx_mock.add_response(url=NOTE, json={"refused": "rate_limited"})
    assert ask("client@example.com") < 0.5


def test_a_failure_is_tried_again_with_the_same_bytes_under_the_same_key(httpx_mock: HTTPXMock) -> None:
    noted(httpx_mock)
    httpx_mock.add_exception(httpx.ReadError("gone"), url=EMAILS)
    httpx_mock.add_response(url=EMAILS, status_code=500, text="<html>")
    httpx_mock.add_response(url=EMAILS, json={"id": "m1"})
    ask("client@example.com")
    tries = httpx_mock.get_requests(url=EMAILS)
    assert {request.headers["Idempotency-Key"] for request in tries} == {"preferences-link-r1"}
    assert len({request.content for request in tries}) == 1
    assert len(tries) == 3


@pytest.mark.parametrize("status", [401, 422, 429, 503])
def test_a_failure_is_told_to_nobody(httpx_mock: HTTPXMock, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    noted(httpx_mock)
    httpx_mock.add_response(url=EMAILS, status_code=status, json={"name": "x", "message": "no"}, is_reusable=True)
    assert ask("client@example.com") == pytest.approx(1.2, abs=0.15)
    assert "client@example.com" not in capsys.readouterr().out


def test_a_crash_is_told_to_nobody_either(httpx_mock: HTTPXMock, monkeypatch: pytest.MonkeyPatch) -> None:
    noted(httpx_mock)
    monkeypatch.setattr(link_mail, "_payload", lambda *_: 1 / 0)
    assert ask("client@example.com") == pytest.approx(1.2, abs=0.15)
