"""The inbox page: shows what was sent, keeps hostile content harmless, and presses buttons for a developer."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from .conftest import ACCOUNT, SERVICE, Receiver

CALENDAR = "BEGIN:VCALENDAR\r\nSUMMARY:</pre><script>alert(1)</script>\r\nEND:VCALENDAR\r\n"
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
TEXTS = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


class Page(HTMLParser):
    """The elements of a page, as a browser would find them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def send(mail: httpx.Client, **change: Any) -> str:
    body = {"from": "bookings@example.com", "to": ["client@example.com"], "subject": "Hello", "text": "Hi", **change}
    answer = mail.post("/emails", json=body)
    assert answer.status_code == 200, answer.text
    email_id: str = answer.json()["id"]
    return email_id


def page(client: httpx.Client, path: str, status: int = 200) -> Page:
    answer = client.get(path)
    assert answer.status_code == status
    return Page(answer.text)


def listed(client: httpx.Client, query: str = "") -> list[str]:
    """The ids in the list, from the top."""
    links = [link["href"] or "" for link in page(client, f"/inbox/list{query}").all("a")]
    return [re.sub(r"\?.*", "", link).rpartition("/")[2] for link in links]


def test_the_newest_is_on_top(mail: httpx.Client) -> None:
    ids = [send(mail) for _ in range(3)]
    assert listed(mail) == ids[::-1]


def test_search_is_by_recipient(mail: httpx.Client) -> None:
    first = send(mail, to=["Anna <Anna@Example.com>"])
    second = send(mail, cc=["anna@example.com"])
    send(mail)
    assert listed(mail, "?to=anna@") == [second, first]
    assert listed(mail, "?to=nobody") == []
    found = page(mail, "/inbox?to=ANNA")
    assert [field["value"] for field in found.all("input")] == ["ANNA"]
    # An opened message keeps the search.
    assert all("to=ANNA" in (link["href"] or "") for link in found.all("a") if first in (link["href"] or ""))


def test_the_list_is_sent_again_only_when_it_changed(mail: httpx.Client) -> None:
    send(mail)
    [shown] = page(mail, "/inbox/list").all("ol")
    assert mail.get("/inbox/list", params={"version": shown["data-version"]}).status_code == 204
    send(mail)
    assert mail.get("/inbox/list", params={"version": shown["data-version"]}).status_code == 200


def test_a_message_shows_all_its_parts(mail: httpx.Client) -> None:
    file = {"filename": "invite.ics", "content": base64.b64encode(CALENDAR.encode()).decode()}
    email_id = send(
        mail,
        html="<p>Hello</p>",
        reply_to="host@example.com",
        headers={"List-Unsubscribe": "<https://example.com/u>"},
        tags=[{"name": "notification_id", "value": "n1"}],
        attachments=[file],
    )
    shown = page(mail, f"/inbox/{email_id}")
    for words in ("Hello", "client@example.com", "host@example.com", "<https://example.com/u>", "n1", CALENDAR[:15]):
        assert words in shown.words
    [frame] = shown.all("iframe")
    assert frame["src"] == f"/inbox/{email_id}/html"
    assert frame["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
    assert [link["aria-current"] for link in shown.all("a") if "aria-current" in link] == ["page"]

    html = mail.get(f"/inbox/{email_id}/html")
    assert html.text.endswith("<p>Hello</p>")
    download = mail.get(f"/inbox/{email_id}/attachments/0")
    assert download.content == CALENDAR.encode()
    assert download.headers["content-disposition"] == "attachment; filename=invite.ics"


def test_hostile_content_stays_text(mail: httpx.Client) -> None:
    email_id = send(
        mail,
        subject=HOSTILE,
        text=HOSTILE,
        html=HOSTILE,
        headers={HOSTILE: HOSTILE},
        attachments=[
            {"filename": f"../{HOSTILE}\r\nX-A: b.ics", "content": base64.b64encode(CALENDAR.encode()).decode()}
        ],
    )
    for path in ("/inbox", f"/inbox/{email_id}", f"/inbox?to={quote(HOSTILE)}", f"/inbox/{email_id}?outcome={HOSTILE}"):
        shown = page(mail, path)
        assert [script.get("src") for script in shown.all("script")] == ["/inbox/static/inbox.js"]
        assert shown.all("img") == []
    download = mail.get(f"/inbox/{email_id}/attachments/0")
    assert "/" not in download.headers["content-disposition"]
    assert "X-A" not in download.headers
    assert download.headers["content-type"] == "application/octet-stream"


def test_policies_let_nothing_in_from_outside(mail: httpx.Client) -> None:
    email_id = send(mail, html="<p>Hello</p>")
    for path in ("/inbox", "/inbox/list", f"/inbox/{email_id}", f"/inbox/{email_id}/html"):
        answer = mail.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        # With `no-referrer` a browser would hide the origin of our own buttons, and they would be refused.
        assert answer.headers["referrer-policy"] == ("no-referrer" if path.endswith("html") else "same-origin")
    mail_policy = mail.get(f"/inbox/{email_id}/html").headers["content-security-policy"]
    assert "sandbox" in mail_policy
    assert "script" not in mail_policy
    for _, attributes in page(mail, f"/inbox/{email_id}").elements:
        assert not re.match(r"https?:|//", attributes.get("src") or attributes.get("href") or "")
        assert not {name for name in attributes if name.startswith("on")} | ({"style"} & set(attributes))


def test_what_is_not_there(mail: httpx.Client) -> None:
    assert "Not here any more" in page(mail, "/inbox/none", 404).words
    email_id = send(mail)
    assert mail.get(f"/inbox/{email_id}/html").status_code == 404
    assert mail.get(f"/inbox/{email_id}/attachments/0").status_code == 404
    assert mail.get("/", follow_redirects=True).url.path == "/inbox"


def test_a_button_sends_the_signed_receipt(mail: httpx.Client, receiver: Receiver) -> None:
    email_id = send(mail)
    buttons = [button["value"] for button in page(mail, f"/inbox/{email_id}").all("button")]
    assert buttons == ["delivered", "bounced", "complained"]
    answer = mail.post(f"/inbox/{email_id}/receipt", data={"event": "bounced"}, follow_redirects=True)
    [callback] = receiver.callbacks
    assert b'"type": "email.bounced"' in callback.body
    assert "Svix-Signature" in callback.headers
    assert "the receiver answered 200" in Page(answer.text).words
    assert [kept["status"] for kept in mail.get("/_sim/messages").json()] == ["bounced"]


@pytest.mark.parametrize("origin", ["https://example.com", "null"])
def test_another_page_cannot_press_it(mail: httpx.Client, receiver: Receiver, origin: str) -> None:
    path = f"/inbox/{send(mail)}/receipt"
    assert mail.post(path, data={"event": "bounced"}, headers={"Origin": origin}).status_code == 403
    assert receiver.callbacks == []


def test_texts_have_an_inbox_and_can_be_answered(texts: httpx.Client, receiver: Receiver) -> None:
    form = {"To": "+4915112345678", "Body": HOSTILE, "MessagingServiceSid": SERVICE}
    sid = texts.post(TEXTS, data={**form, "StatusCallback": f"{receiver.url}/status"}).json()["sid"]
    shown = page(texts, f"/inbox/{sid}")
    assert HOSTILE in shown.words
    assert shown.all("iframe") == shown.all("img") == []
    texts.post(f"/inbox/{sid}/receipt", data={"event": "delivered"})
    texts.post(f"/inbox/{sid}/reply", data={"body": "STOP"})
    status, reply = receiver.callbacks
    assert status.form["MessageStatus"] == "delivered"
    assert (reply.form["From"], reply.form["Body"]) == ("+4915112345678", "STOP")
    assert texts.post(TEXTS, data=form).json()["code"] == 21610
