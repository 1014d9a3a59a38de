"""Settings: all that is missing is named at once, no value is ever shown, and secrets may not be empty."""

from __future__ import annotations

from dataclasses import fields

import pytest

from shared import settings
from shared.settings import CalcomApi, CalcomWebhook, Database, Links, Mail, MailReceipts, Scheduler, SettingsError

pytestmark = pytest.mark.usefixtures("environment")


def test_all_missing_settings_are_named_together(environment: pytest.MonkeyPatch) -> None:
    for name in ("SUPABASE_SECRET_KEY", "CALCOM_WEBHOOK_SECRET", "RESEND_API_KEY"):
        environment.delenv(name)
    with pytest.raises(SettingsError) as raised:
        settings.require(Database, CalcomWebhook, Mail)
    assert str(raised.value) == (
        "missing or unusable settings: SUPABASE_SECRET_KEY, CALCOM_WEBHOOK_SECRET, RESEND_API_KEY"
    )


def test_a_setting_that_two_groups_need_is_named_once(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("FUNCTIONS_URL")
    with pytest.raises(SettingsError) as raised:
        settings.require(Links, Scheduler)
    assert str(raised.value).count("FUNCTIONS_URL") == 1


def test_groups_that_are_complete_are_read() -> None:
    settings.require(Database, CalcomWebhook, Mail, Links, Scheduler)
    assert settings.load(Database).url == "https://project.example.com"


@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_secret_is_a_missing_one(environment: pytest.MonkeyPatch, value: str) -> None:
    environment.setenv("CALCOM_WEBHOOK_SECRET", value)
    with pytest.raises(SettingsError, match="CALCOM_WEBHOOK_SECRET"):
        settings.require(CalcomWebhook)


@pytest.mark.parametrize("value", ["new,", ",old", "new,,old", ","])
def test_no_member_of_a_list_of_secrets_may_be_empty(environment: pytest.MonkeyPatch, value: str) -> None:
    environment.setenv("CALCOM_WEBHOOK_SECRET", value)
    with pytest.raises(SettingsError, match=r"CALCOM_WEBHOOK_SECRET \(has an empty member\)"):
        settings.require(CalcomWebhook)


def test_secrets_may_be_several_while_rotating() -> None:
    assert settings.load(CalcomWebhook).secrets == ("new", "old")
    assert settings.load(Links).secrets == ("first", "second")


@pytest.mark.parametrize("value", ["whsec_", "whsec_not base64", "not-base64", "whsec_e"])
def test_a_secret_to_check_signatures_with_is_base64(environment: pytest.MonkeyPatch, value: str) -> None:
    environment.setenv("RESEND_WEBHOOK_SECRET", value)
    with pytest.raises(SettingsError, match=r"RESEND_WEBHOOK_SECRET \(must be whsec_") as raised:
        settings.require(MailReceipts)
    assert value not in str(raised.value) or value == "whsec_"
    environment.setenv("RESEND_WEBHOOK_SECRET", "whsec_a2V5")
    settings.load.cache_clear()
    settings.require(MailReceipts)


@pytest.mark.parametrize("value", ["project.example.com", "ftp://project.example.com", "https://"])
def test_an_address_is_http(environment: pytest.MonkeyPatch, value: str) -> None:
    environment.setenv("SUPABASE_URL", value)
    with pytest.raises(SettingsError, match="SUPABASE_URL") as raised:
        settings.require(Database)
    assert value not in str(raised.value)


def test_addresses_lose_their_last_slash(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FUNCTIONS_URL", "https://functions.example.com/")
    assert settings.load(Links).functions_url == "https://functions.example.com"


def test_what_is_public_knowledge_has_a_default() -> None:
    calcom = {"api_url": "https://api.cal.com/v2", "api_key": "k"}
    assert CalcomApi(api_key="k") == CalcomApi(**calcom)


def test_a_scheduler_needs_a_token_or_an_account(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("SCHEDULER_TOKEN")
    with pytest.raises(SettingsError, match="SCHEDULER_TOKEN or SCHEDULER_SERVICE_ACCOUNT"):
        settings.require(Scheduler)
    environment.setenv("SCHEDULER_SERVICE_ACCOUNT", "jobs@example.com")
    settings.require(Scheduler)


def test_no_secret_shows_when_a_group_is_printed() -> None:
    for group in (Database, CalcomWebhook, Mail, Links, Scheduler):
        shown = repr(settings.load(group))
        for setting in fields(group):
            value = getattr(settings.load(group), setting.name)
            if setting.metadata["name"].endswith(("_SECRET", "_TOKEN", "SECRET_KEY", "API_KEY")):
                assert not setting.repr, setting.name
                assert all(str(one) not in shown for one in (value if isinstance(value, tuple) else [value]))


def test_secrets_have_no_default() -> None:
    for group in settings.GROUPS:
        for setting in fields(group):
            if not setting.repr:
                assert setting.default in (settings._REQUIRED, None), setting.name
