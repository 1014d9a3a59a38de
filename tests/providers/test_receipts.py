"""Receipts: signed as the providers sign, in their shapes, checked by verifiers that are not ours."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
import resend
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from local.providers.signing import twilio_signature

from .conftest import ACCOUNT, AUTH_TOKEN, SERVICE, WEBHOOK_SECRET, Callback, Receiver

MAIL = {
    "from": "bookings@example.com",
    "to": ["client@example.com"],
    "subject": "Hellö",
    "text": "Hello",
    "tags": [{"name": "notification_id", "value": "n1"}],
}
TEXTS = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


def verified(callback: Callback) -> dict[str, Any]:
    """The event, if Standard Webhooks' own verifier accepts it: Svix's headers are its headers by another name."""
    headers = {name.lower().replace("svix-", "webhook-"): value for name, value in callback.headers.items()}
    event: dict[str, Any] = Webhook(WEBHOOK_SECRET).verify(callback.body, headers)
    return event


def send_mail(mail: httpx.Client) -> str:
    email_id: str = mail.post("/emails", json=MAIL).json()["id"]
    return email_id


class TestResend:
    @pytest.mark.parametrize("event", ["delivered", "email.delivered"])
    def test_an_event_is_signed_and_says_what_happened(
        self, mail: httpx.Client, receiver: Receiver, event: str
    ) -> None:
        email_id = send_mail(mail)
        outcome = mail.post("/_sim/receipts", json={"id": email_id, "event": event}).json()
        assert (outcome["status"], outcome["error"]) == (200, None)
        [callback] = receiver.callbacks
        assert callback.url == f"{receiver.url}/receipts/resend"
        body = verified(callback)
        assert body["type"] == "email.delivered"
        assert (body["data"]["email_id"], body["data"]["to"]) == (email_id, MAIL["to"])
        assert body["data"]["tags"] == {"notification_id": "n1"}
        assert mail.get(f"/emails/{email_id}").json()["last_event"] == "delivered"

    def test_the_vendors_own_verifier_accepts_it_too(self, mail: httpx.Client, receiver: Receiver) -> None:
        mail.post("/_sim/receipts", json={"id": send_mail(mail), "event": "complained"})
        [callback] = receiver.callbacks
        headers = callback.headers
        resend.Webhooks.verify(
            {
                "payload": callback.body.decode(),
                "headers": {
                    "id": headers["Svix-Id"],
                    "timestamp": headers["Svix-Timestamp"],
                    "signature": headers["Svix-Signature"],
                },
                "webhook_secret": WEBHOOK_SECRET,
            }
        )

    def test_a_changed_byte_is_noticed(self, mail: httpx.Client, receiver: Receiver) -> None:
        mail.post("/_sim/receipts", json={"id": send_mail(mail), "event": "delivered"})
        [callback] = receiver.callbacks
        changed = Callback(callback.url, callback.headers, callback.body.replace(b"n1", b"n2"), {})
        with pytest.raises(WebhookVerificationError):
            verified(changed)

    def test_a_bounce_has_its_kind(self, mail: httpx.Client, receiver: Receiver) -> None:
        email_id = send_mail(mail)
        mail.post("/_sim/receipts", json={"id": email_id, "event": "bounced"})
        soft = {"bounce": {"type": "Transient", "subType": "MailboxFull"}}
        mail.post("/_sim/receipts", json={"id": email_id, "event": "bounced", **soft})
        bounces = [verified(callback)["data"]["bounce"] for callback in receiver.callbacks]
        kinds = [(bounce["type"], bounce["subType"]) for bounce in bounces]
        assert kinds == [("Permanent", "General"), ("Transient", "MailboxFull")]
        assert all(bounce["message"] and bounce["diagnosticCode"] for bounce in bounces)

    def test_an_event_can_be_sent_twice(self, mail: httpx.Client, receiver: Receiver) -> None:
        email_id = send_mail(mail)
        for _ in range(2):
            mail.post("/_sim/receipts", json={"id": email_id, "event": "delivered", "svix_id": "msg_1"})
        mail.post("/_sim/receipts", json={"id": email_id, "event": "delivered"})
        ids = [callback.headers["Svix-Id"] for callback in receiver.callbacks]
        assert ids[:2] == ["msg_1"] * 2
        assert ids[2] != "msg_1"

    def test_the_order_names_a_known_mail_and_event(self, mail: httpx.Client, receiver: Receiver) -> None:
        email_id = send_mail(mail)
        for wrong in ({"id": "x", "event": "delivered"}, {"id": email_id, "event": "exploded"}, {"id": email_id}):
            assert mail.post("/_sim/receipts", json=wrong).status_code == 422
        assert mail.post("/_sim/receipts", content=b"[]").status_code == 400
        assert receiver.callbacks == []

    def test_what_the_receiver_answers_is_told(self, mail: httpx.Client, receiver: Receiver) -> None:
        receiver.status = 401
        outcome = mail.post("/_sim/receipts", json={"id": send_mail(mail), "event": "delivered"}).json()
        assert outcome == {"url": f"{receiver.url}/receipts/resend", "status": 401, "error": None}


class TestTwilio:
    def send(self, texts: httpx.Client, **more: str) -> str:
        form = {"To": "+4915112345678", "Body": "Hello", "MessagingServiceSid": SERVICE, **more}
        sid: str = texts.post(TEXTS, data=form).json()["sid"]
        return sid

    def test_a_status_is_told_to_the_texts_own_callback(self, texts: httpx.Client, receiver: Receiver) -> None:
        url = f"{receiver.url}/receipts/twilio/status?id=n1"
        sid = self.send(texts, StatusCallback=f"{url}#rc=3")
        texts.post("/_sim/receipts", json={"id": sid, "event": "delivered"})
        [callback] = receiver.callbacks
        assert callback.url == url
        expected = {"MessageSid": sid, "SmsSid": sid, "MessageStatus": "delivered", "To": "+4915112345678"}
        assert expected.items() <= callback.form.items()
        assert callback.headers["X-Twilio-Signature"] == twilio_signature(AUTH_TOKEN, url, callback.form)
        path = TEXTS.replace(".json", f"/{sid}.json")
        assert texts.get(path).json()["status"] == "delivered"

    def test_a_failure_has_a_code(self, texts: httpx.Client, receiver: Receiver) -> None:
        sid = self.send(texts, StatusCallback=f"{receiver.url}/status")
        texts.post("/_sim/receipts", json={"id": sid, "event": "undelivered", "error_code": 30005})
        [callback] = receiver.callbacks
        assert (callback.form["MessageStatus"], callback.form["ErrorCode"]) == ("undelivered", "30005")
        assert texts.get(TEXTS.replace(".json", f"/{sid}.json")).json()["error_code"] == 30005

    def test_without_a_callback_the_state_changes_all_the_same(self, texts: httpx.Client, receiver: Receiver) -> None:
        sid = self.send(texts)
        assert texts.post("/_sim/receipts", json={"id": sid, "event": "sent"}).status_code == 422
        assert texts.get(TEXTS.replace(".json", f"/{sid}.json")).json()["status"] == "sent"
        assert receiver.callbacks == []

    def test_a_text_to_us_goes_to_the_inbound_path(self, texts: httpx.Client, receiver: Receiver) -> None:
        order = {"from": "+4915112345678", "body": "Grüße & 1+1=2"}
        assert texts.post("/_sim/receipts", json=order).json()["status"] == 200
        [callback] = receiver.callbacks
        assert callback.url == f"{receiver.url}/receipts/twilio/inbound"
        assert dict(parse_qsl(callback.body.decode()))["Body"] == order["body"]
        assert (callback.form["From"], callback.form["MessagingServiceSid"]) == (order["from"], SERVICE)
        signature = twilio_signature(AUTH_TOKEN, callback.url, callback.form)
        assert callback.headers["X-Twilio-Signature"] == signature

    def test_a_text_to_us_can_come_twice_or_be_taken_for_a_word(self, texts: httpx.Client, receiver: Receiver) -> None:
        order = {"from": "+4915112345678", "body": "Basta", "sid": "SM1", "opt_out_type": "stop"}
        for _ in range(2):
            texts.post("/_sim/receipts", json=order)
        said = [(callback.form["MessageSid"], callback.form["OptOutType"]) for callback in receiver.callbacks]
        assert said == [("SM1", "STOP")] * 2
        form = {"To": order["from"], "Body": "Hello", "MessagingServiceSid": SERVICE}
        assert texts.post(TEXTS, data=form).json()["code"] == 21610

    def test_nobody_answers(self, texts: httpx.Client) -> None:
        sid = self.send(texts, StatusCallback="http://127.0.0.1:9/status")
        outcome = texts.post("/_sim/receipts", json={"id": sid, "event": "sent"}).json()
        assert (outcome["status"], outcome["error"]) == (None, "ConnectError")


def test_the_signature_of_twilios_documentation() -> None:
    # https://www.twilio.com/docs/usage/security: its example of a form and what its validators expect.
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+12349013030",
        "Digits": "1234",
        "From": "+12349013030",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert twilio_signature("12345", url, form) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="
    assert twilio_signature("12345", f"{url}#rc=3", form) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


def test_an_event_is_json_that_any_reader_takes(mail: httpx.Client, receiver: Receiver) -> None:
    mail.post("/_sim/receipts", json={"id": send_mail(mail), "event": "failed"})
    [callback] = receiver.callbacks
    assert json.loads(callback.body)["data"]["failed"] == {"reason": "reached_daily_quota"}
