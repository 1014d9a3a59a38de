"""Settings for modules that read them, without any service behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared import database, http_client, mail, settings, tokens

ENVIRONMENT = {
    "SUPABASE_URL": "https://project.example.com",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_1",
    "SUPABASE_SECRET_KEY": "sb_secret_1",
    "CALCOM_WEBHOOK_SECRET": "new,old",
    "RESEND_API_KEY": "re_1",
    "RESEND_API_URL": "https://mail.example.com",
    "RESEND_FROM_EMAIL": "Bookings <bookings@example.com>",
    "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": "twilio-token",
    "TWILIO_MESSAGING_SERVICE_SID": "MG1",
    "TWILIO_API_URL": "https://text.example.com",
    "FUNCTIONS_URL": "https://functions.example.com",
    "PORTAL_URL": "https://functions.example.com/portal",
    "LINK_SECRET": "first,second",
    "SCHEDULER_TOKEN": "tick",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """All settings have values; what a process reads once is read anew."""
    for name in settings.NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    _forget()
    yield monkeypatch
    _forget()


def _forget() -> None:
    settings.load.cache_clear()
    database._rest_url.cache_clear()
    mail._sdk.cache_clear()
    tokens._google_keys.cache_clear()
    http_client.close()
