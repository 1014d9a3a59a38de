"""The text with a code: short, in four languages, and never two of them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from pytest_httpx import HTTPXMock

from shared import phone_verification
from shared.errors import ServiceError
from shared.phone_verification import Number, begin, text_of
from shared.text_message import segments
from shared.wording import LANGUAGES

pytestmark = pytest.mark.usefixtures("environment")
RPC = "https://project.example.com/rest/v1/rpc/"
TWILIO = "https://text.example.com/2010-04-01/Accounts/AC1/Messages.json"
USER = "00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "sender", ["Bookings", "Praxis Dr. Müller & Søn", "x" * 60, "東京予約センター", ""], ids=range(5)
)
def test_the_text_is_one_segment(environment: pytest.MonkeyPatch, language: str, sender: str) -> None:
    environment.setenv("RESEND_FROM_EMAIL", f'"{sender}" <bookings@example.com>')
    text = text_of("012345", language)
    assert "012345" in text
    assert segments(text) == 1
    assert "{" not in text
    if sender == "Bookings":
        assert sender in text


def texted(httpx_mock: HTTPXMock) -> dict[str, Any]:
    httpx_mock.add_response(url=RPC + "begin_phone_verification", json={"id": "c1", "locale": "de"})
    return {"user_id": USER, "token": "t", "wanted": Number(phone="+4915112345678"), "accept_language": "fr"}


def test_what_is_posted_and_kept(httpx_mock: HTTPXMock) -> None:
    asked = texted(httpx_mock)
    httpx_mock.add_response(url=TWILIO, status_code=201, json={"sid": "SM1"})
    assert begin(**asked)["outcome"] == "sent"
    kept, posted = httpx_mock.get_requests()
    form = {name: values[0] for name, values in parse_qs(posted.content.decode()).items()}
    assert (form["To"], form["MessagingServiceSid"], form["ValidityPeriod"]) == ("+4915112345678", "MG1", "600")
    code = form["Body"][:6]
    row = json.loads(kept.content)
    assert kept.headers["apikey"] == "sb_secret_1"
    assert row["p_code_hash"] == phone_verification._hashes(USER, code)[0]
    assert row["p_code_hash"] != phone_verification._hashes(USER.replace("1", "2"), code)[0]
    assert code not in kept.content.decode()
    assert len(phone_verification._hashes(USER, code)) == 2  # a code from before LINK_SECRET was rotated still works


@pytest.mark.parametrize("answer", [500, 502, 404, httpx.ReadTimeout("x"), httpx.ReadError("x")], ids=str)
def test_in_doubt_it_is_perhaps_sent_once(httpx_mock: HTTPXMock, answer: Any) -> None:
    asked = texted(httpx_mock)
    if isinstance(answer, int):
        httpx_mock.add_response(url=TWILIO, status_code=answer, text="<html>")
    else:
        httpx_mock.add_exception(answer, url=TWILIO)
    assert begin(**asked)["outcome"] == "perhaps_sent"
    assert len(httpx_mock.get_requests(url=TWILIO)) == 1


@pytest.mark.parametrize(
    ("status", "twilio", "code"),
    [
        (429, 20429, "upstream_unavailable"),
        (401, 20003, "upstream_unavailable"),
        (400, 21610, "stopped"),
        (400, 21614, "invalid"),
    ],
)
def test_what_certainly_did_not_leave_is_dropped(httpx_mock: HTTPXMock, status: int, twilio: int, code: str) -> None:
    asked = texted(httpx_mock)
    headers = {"Retry-After": "7"} if status == 429 else {}
    httpx_mock.add_response(url=TWILIO, status_code=status, json={"code": twilio}, headers=headers)
    httpx_mock.add_response(url=RPC + "drop_phone_code", json={"dropped": 1})
    with pytest.raises(ServiceError) as refused:
        begin(**asked)
    assert refused.value.code == code
    assert "+49" not in refused.value.detail
    if status == 429:
        assert refused.value.retry_after in (6, 7)
