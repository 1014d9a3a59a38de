"""The stand-ins against the vendors' published OpenAPI files: Prism stands in between and refuses every difference."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import node
from local.site import ROOT

from .conftest import ACCOUNT, AUTH_TOKEN, KEY, SERVICE

CONTRACTS = Path(os.environ.get("HANDBOOK") or ROOT.parent / "shared") / "contracts"
PRISM = ROOT / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
MAIL = {"from": "bookings@example.com", "to": ["client@example.com"], "subject": "Hello", "text": "Hi"}
FILE = {"filename": "invite.ics", "content": "eA==", "content_type": "text/calendar"}

pytestmark = [
    pytest.mark.skipif(not CONTRACTS.is_dir(), reason="the handbook with the vendors' OpenAPI files is not here"),
    pytest.mark.skipif(not PRISM.is_file(), reason="the npm packages are not installed"),
]


@contextmanager
def behind_prism(contract: str, upstream: str, log: Path) -> Iterator[str]:
    """A proxy that answers 4xx where a request, and 500 where an answer breaks the contract."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        str(node.NODE),
        str(PRISM),
        "proxy",
        "--port",
        str(port),
        "--errors",
        str(CONTRACTS / contract),
        upstream,
    ]
    with log.open("wb") as output:
        prism = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=node.environment())
        try:
            _await_port(port, prism)
            yield f"http://127.0.0.1:{port}"
        finally:
            prism.terminate()
            prism.wait()


def _await_port(port: int, prism: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and prism.poll() is None:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("Prism did not start")


@pytest.fixture
def mail_contract(resend_url: str, tmp_path: Path) -> Iterator[httpx.Client]:
    with (
        behind_prism("resend-openapi-strict.json", resend_url, tmp_path / "prism.log") as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=20) as client,
    ):
        yield client


@pytest.fixture
def texts_contract(twilio_url: str, tmp_path: Path) -> Iterator[httpx.Client]:
    with (
        behind_prism("twilio_api_v2010.yaml", twilio_url, tmp_path / "prism.log") as url,
        httpx.Client(base_url=url, auth=(ACCOUNT, AUTH_TOKEN), timeout=20) as client,
    ):
        yield client


def test_resend(mail_contract: httpx.Client) -> None:
    def call(method: str, path: str, **options: Any) -> Any:
        answer = mail_contract.request(method, path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    tags = [{"name": "notification_id", "value": "n1"}]
    full = {**MAIL, "cc": "a@example.com", "html": "<p>", "headers": {"X-A": "b"}, "tags": tags, "attachments": [FILE]}
    first = call("POST", "/emails", json=full, headers={"Idempotency-Key": "k"})
    assert call("POST", "/emails", json=full, headers={"Idempotency-Key": "k"}) == first
    assert len(call("POST", "/emails/batch", json=[MAIL, MAIL])["data"]) == 2
    permissive = {"x-batch-validation": "permissive"}
    assert len(call("POST", "/emails/batch", json=[MAIL, {**MAIL, "to": "x"}], headers=permissive)["errors"]) == 1
    assert call("GET", f"/emails/{first['id']}")["subject"] == MAIL["subject"]
    assert len(call("GET", "/emails", params={"limit": 2})["data"]) == 2

    # That the proxy looks at all: a mistyped field never arrives.
    assert "additional properties" in mail_contract.post("/emails", json={**MAIL, "htlm": "x"}).text


def test_twilio(texts_contract: httpx.Client) -> None:
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages"
    form = {"To": "+4915112345678", "Body": "Hello", "MessagingServiceSid": SERVICE, "ValidityPeriod": "600"}
    sent = texts_contract.post(f"{path}.json", data={**form, "StatusCallback": "https://example.com/s?id=1"})
    assert sent.status_code == 201, sent.text
    from_number = texts_contract.post(f"{path}.json", data={"To": form["To"], "From": "+15005550006", "Body": "Hi"})
    assert from_number.status_code == 201, from_number.text
    fetched = texts_contract.get(f"{path}/{sent.json()['sid']}.json")
    assert (fetched.status_code, fetched.json()) == (200, sent.json())
    # Twilio's own lists break its own file: their links are relative, the file calls them URIs. Nothing else differs.
    listed = texts_contract.get(f"{path}.json", params={"To": form["To"], "PageSize": "1"}).json()
    differences = {(tuple(one["location"]), one["code"]) for one in listed["validation"]}
    links = ("uri", "first_page_uri", "next_page_uri")
    assert differences == {(("response", "body", link), "format") for link in links}

    assert texts_contract.post(f"{path}.json", data={**form, "MessagingServiceSid": "bogus"}).status_code == 422
