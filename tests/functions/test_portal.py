"""What the portal answers: pages, files and public settings, with what browsers are told about each."""

from __future__ import annotations

import gzip
import json
import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from ops.stage import ROOT
from shared import static_files
from tests.conftest import Stack
from tests.portal.weight import FILES, LIMIT, WEIGHTS

PAGES = {
    "/book": "Book a time",
    "/bookings": "My bookings",
    "/bookings/018f2c1e-0000-4000-8000-000000000001": "Booking",
    "/preferences": "Preferences",
    "/admin": "All bookings",
    "/admin/clients/client%40example.com": "Client",
    "/admin/health": "Health",
}
PLAIN_JS = "js/pages/bookings.js"


@pytest.fixture(scope="module")
def portal(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.env["PORTAL_URL"], timeout=30) as client:
        yield client


@pytest.mark.parametrize("path", PAGES)
def test_a_page_names_its_heading_and_its_own_module(portal: httpx.Client, path: str) -> None:
    answer = portal.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert re.search(r"<h1[^>]*>([^<]*)</h1>", answer.text)[1] == PAGES[path]  # type: ignore[index]
    assert "<style" not in answer.text and " style=" not in answer.text
    scripts = re.findall(r"<script([^>]*)>", answer.text)
    assert all("src=" in script or 'type="application/json"' in script for script in scripts)
    assert not re.search(r"\bon\w+=", answer.text)
    for address in _addresses(answer.text):
        assert portal.get(address.removeprefix("/portal")).status_code == 200, address


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_asked_about_each_time_and_not_sent_again(portal: httpx.Client, path: str) -> None:
    first = portal.get(path)
    assert first.headers["Cache-Control"] == "no-cache"
    again = portal.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Content-Security-Policy"] == first.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/bookings", "/admin/health", "/nothing"])
def test_the_policy_of_a_page_lets_in_its_own_files_and_calls(portal: httpx.Client, stack: Stack, path: str) -> None:
    calls = " ".join(sorted({stack.env["SUPABASE_URL"], stack.env["FUNCTIONS_URL"]}))
    answer = portal.get(path)
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' {calls}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"


def test_only_the_page_that_embeds_calcom_lets_calcom_in(portal: httpx.Client, stack: Stack) -> None:
    policy = portal.get("/book").headers["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    calcom = stack.env["CALCOM_ORIGIN"]
    assert (rules["script-src"], rules["frame-src"]) == (f"'self' {calcom}/embed/", calcom)
    assert (rules["frame-ancestors"], rules["base-uri"], rules["default-src"]) == ("'none'",) * 3
    assert "unsafe" not in rules["script-src"]


@pytest.mark.parametrize("path", ["/nothing", "/bookings/1", "/admin/clients/", "/Bookings", "/assets/x/none.js"])
def test_where_nothing_is_a_page_says_so(portal: httpx.Client, path: str) -> None:
    answer = portal.get(path)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "This page does not exist" in answer.text


@pytest.mark.parametrize("path", ["", "/"])
def test_the_portal_begins_with_my_bookings(portal: httpx.Client, path: str) -> None:
    answer = portal.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/portal/bookings")


def test_the_settings_of_a_page_are_public(portal: httpx.Client, stack: Stack) -> None:
    answer = portal.get("/config.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {
        "supabase_url": stack.env["SUPABASE_URL"],
        "supabase_publishable_key": stack.env["SUPABASE_PUBLISHABLE_KEY"],
        "functions_url": stack.env["FUNCTIONS_URL"],
        "portal_url": stack.env["PORTAL_URL"],
        "portal": urlsplit(stack.env["PORTAL_URL"]).path,
        "calcom_origin": stack.env["CALCOM_ORIGIN"],
        "calcom_link": stack.env["CALCOM_LINK"],
        "support_contact": stack.env["SUPPORT_CONTACT"],
    }
    written = re.search(r'<script[^>]*id="config"[^>]*>(.*?)</script>', portal.get("/bookings").text, re.DOTALL)
    assert written is not None
    assert json.loads(written[1]) == answer.json()


def test_no_secret_is_in_any_answer(portal: httpx.Client, stack: Stack) -> None:
    secrets = {
        value
        for name, value in stack.env.items()
        if re.search(r"SECRET|TOKEN|KEY|SID|POSTGRES", name) and name != "SUPABASE_PUBLISHABLE_KEY" and value
    }
    assert len(secrets) >= 10
    paths = [*PAGES, "/config.json", "/nothing", *(f"/assets/{FILES.version}/{name}" for name in FILES.files)]
    for path in paths:
        answer = portal.get(path)
        seen = answer.text + str(answer.headers)
        assert not [secret for secret in secrets if secret in seen], path


def test_a_file_is_kept_for_ever_under_its_version(portal: httpx.Client) -> None:
    answer = portal.get(f"/assets/{FILES.version}/{PLAIN_JS}")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.content == FILES.files[PLAIN_JS].body
    again = portal.get(answer.url.path.removeprefix("/portal"), headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Cache-Control"] == answer.headers["Cache-Control"]


def test_a_file_of_another_version_is_not_kept(portal: httpx.Client) -> None:
    """It is what there is while a new version is rolled out; kept, it would stay wrong for a year."""
    answer = portal.get(f"/assets/0123456789abcdef/{PLAIN_JS}")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip", "gzip"), ("br, gzip;q=0.5", "gzip"), ("identity", None), ("gzip;q=0", None), ("br", None)],
)
@pytest.mark.parametrize("path", ["/bookings", f"/assets/{FILES.version}/{PLAIN_JS}"])
def test_what_is_sent_is_compressed_for_who_reads_that(
    portal: httpx.Client, path: str, accepted: str, coding: str | None
) -> None:
    with portal.stream("GET", path, headers={"Accept-Encoding": accepted}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("Content-Encoding") == coding
    assert answer.headers["Vary"] == "Accept-Encoding"
    plain = portal.get(path, headers={"Accept-Encoding": "identity"}).content
    assert (gzip.decompress(raw) if coding else raw) == plain
    assert not coding or len(raw) < len(plain)


@pytest.mark.parametrize("path", ["/bookings", "/config.json", f"/assets/{FILES.version}/{PLAIN_JS}"])
def test_head_says_what_get_would(portal: httpx.Client, path: str) -> None:
    got, asked = portal.get(path), portal.head(path)
    assert (asked.status_code, asked.content) == (200, b"")
    for name in ("Content-Type", "ETag", "Cache-Control", "Content-Encoding"):
        assert asked.headers.get(name) == got.headers.get(name)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_pages_are_only_read(portal: httpx.Client, method: str) -> None:
    answer = portal.request(method, "/bookings")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    "path",
    [
        "/assets/{version}/../main.py",
        "/assets/{version}/../../../shared/settings.py",
        "/assets/{version}/%2e%2e/main.py",
        "/assets/{version}/..%2fmain.py",
        "/assets/{version}//etc/passwd",
        "/assets/{version}/js/../../main.py",
        "/assets/{version}/js",
        "/assets/../main.py",
        "/assets/{version}/main.py%00.js",
    ],
)
def test_nothing_beside_the_files_can_be_had(stack: Stack, path: str) -> None:
    head, body = _raw(stack, "/portal" + path.format(version=FILES.version))
    assert head.startswith("HTTP/1.1 404"), head
    assert "import" not in body and "root:" not in body


def test_a_page_stays_light() -> None:
    """Its own modules and styles and the libraries beside supabase-js, compressed, in bytes."""
    assert set(WEIGHTS) == {page.stem for page in (ROOT / "functions/portal/static/js/pages").glob("*.js")}
    assert {name: size for name, size in WEIGHTS.items() if size > LIMIT} == {}


def test_the_version_changes_with_any_file() -> None:
    folder = ROOT / "functions" / "portal" / "static"
    assert static_files.read(folder).version == FILES.version
    assert static_files.read(folder / "js").version != FILES.version


def _addresses(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="(/portal/assets/[^"]*)"', page)


def _raw(stack: Stack, path: str) -> tuple[str, str]:
    """The answer to a path that is sent exactly as it is written."""
    url = urlsplit(stack.env["FUNCTIONS_URL"])
    with socket.create_connection((url.hostname, url.port or 80), timeout=30) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    return head, body
