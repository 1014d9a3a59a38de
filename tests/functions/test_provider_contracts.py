"""Every request that we send to Resend and Twilio fits their published OpenAPI files: Prism refuses what does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from local.providers import resend, resend_api, twilio, twilio_api
from shared import mail, settings, sms
from shared.messages import Attachment, Email, Text
from tests.functions.in_process import served as with_settings
from tests.providers.conftest import ACCOUNT, AUTH_TOKEN, KEY, RATE, SERVICE, WEBHOOK_SECRET, served
from tests.providers.test_contracts import CONTRACTS, PRISM, behind_prism

pytestmark = [
    pytest.mark.skipif(not CONTRACTS.is_dir(), reason="the handbook with the vendors' OpenAPI files is not here"),
    pytest.mark.skipif(not PRISM.is_file(), reason="the npm packages are not installed"),
]

ID = "0e3b5b0a-4c3e-4b58-9d5c-2b8a2b8f8c11"
NOW = datetime.now(UTC)
SETTINGS = {
    "SUPABASE_URL": "http://127.0.0.1:9",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_1",
    "SUPABASE_SECRET_KEY": "sb_secret_1",
    "RESEND_API_KEY": KEY,
    "RESEND_FROM_EMAIL": "Bookings <bookings@example.com>",
    "RESEND_WEBHOOK_SECRET": WEBHOOK_SECRET,
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
    "FUNCTIONS_URL": "https://functions.example.com",
    "PORTAL_URL": "https://functions.example.com/portal",
    "LINK_SECRET": "secret",
}


def email(to: str, *attachments: Attachment) -> Email:
    return Email(
        from_="Bookings <bookings@example.com>",
        to=to,
        reply_to="host@example.com",
        subject="Confirmed: Talk",
        html="<p>Talk</p>",
        text="Talk",
        headers={"List-Unsubscribe": "<https://functions.example.com/preferences?token=x>"},
        attachments=attachments,
        tags=({"name": "notification_id", "value": ID}, {"name": "kind", "value": "confirmation"}),
    )


@pytest.fixture
def resend_url(tmp_path: Path) -> Iterator[str]:
    stand_in = resend_api.Resend(resend_api.Settings(KEY, WEBHOOK_SECRET, "http://127.0.0.1:9", RATE))
    with (
        served(resend.create_app(stand_in)) as upstream,
        behind_prism("resend-openapi-strict.json", upstream, tmp_path / "prism.log") as url,
        with_settings("receipts", {**SETTINGS, "RESEND_API_URL": url}),
    ):
        yield upstream


@pytest.fixture
def twilio_url(tmp_path: Path) -> Iterator[str]:
    stand_in = twilio_api.Twilio(twilio_api.Settings(ACCOUNT, AUTH_TOKEN, SERVICE, "http://127.0.0.1:9"))
    with (
        served(twilio.create_app(stand_in)) as upstream,
        behind_prism("twilio_api_v2010.yaml", upstream, tmp_path / "prism.log") as url,
        with_settings("receipts", {**SETTINGS, "TWILIO_API_URL": url}),
    ):
        yield upstream


def arrived(upstream: str) -> list[tuple[str, str, int]]:
    listed = httpx.get(f"{upstream}/_sim/requests", timeout=10).json()
    return [(one["method"], one["path"].rpartition("/")[2], one["status"]) for one in listed]


def test_mails_one_by_one_and_in_batches(resend_url: str) -> None:
    invite = Attachment("invite.ics", "text/calendar; charset=utf-8; method=REQUEST", b"BEGIN:VCALENDAR")
    delivery = mail.post(mail.encode(email("client@example.com", invite)), ID, 20.0)
    assert (delivery.outcome, delivery.error) == ("sent", None)

    batch = f"[{mail.encode(email('a@example.com'))},{mail.encode(email('b@example.com'))}]"
    answer = httpx.post(
        f"{settings.load(settings.Mail).api_url}/emails/batch",
        content=batch.encode(),
        headers={
            "Authorization": f"Bearer {KEY}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"batch-{ID}",
            "x-batch-validation": "permissive",
        },
        timeout=20,
    )
    assert (answer.status_code, len(answer.json()["data"])) == (200, 2), answer.text
    assert arrived(resend_url) == [("POST", "emails", 200), ("POST", "batch", 200)]


def test_texts(twilio_url: str) -> None:
    payload = sms.encode(Text(to="+4915112345678", body="Confirmed: Talk ü"), ID, NOW + timedelta(hours=2), NOW)
    delivery = sms.post(payload, 20.0)
    assert (delivery.outcome, delivery.error) == ("sent", None)
    assert delivery.provider_id is not None
    found = sms.fetch(delivery.provider_id, 20.0)
    assert found is not None and found.state == "accepted"
    # Twilio's own lists break its own file (their links are relative), so only the request is judged here: it arrived.
    sms.find(payload, NOW, (), 20.0)
    assert [path for _, path, status in arrived(twilio_url) if status < 300] == [
        "Messages.json",
        f"{delivery.provider_id}.json",
        "Messages.json",
    ]


def test_the_judge_can_say_no(twilio_url: str) -> None:
    payload = sms.encode(Text(to="+4915112345678", body="x"), ID, NOW + timedelta(hours=2), NOW)
    assert parse_qs(payload)["ValidityPeriod"] == ["7200"] or parse_qs(payload)["ValidityPeriod"] == ["7199"]
    for wrong in (payload.replace("ValidityPeriod=7", "ValidityPeriod=x"), payload.replace(SERVICE, "MG1")):
        assert sms.post(wrong, 20.0).outcome != "sent"
    assert sms.fetch("bogus", 20.0) is None
    assert arrived(twilio_url) == []
