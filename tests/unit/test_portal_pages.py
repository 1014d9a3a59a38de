"""The HTML of the pages, and what it becomes of settings that nobody expected."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.datastructures import Headers

from ops.stage import ROOT
from shared import static_files
from shared.portal_pages import NOT_FOUND, PAGES, Config, Page, Pages
from shared.web import Answer, Request
from tests.portal.weight import loaded_later

FILES = static_files.read(ROOT / "functions" / "portal" / "static")
CONFIG = Config(
    supabase_url="https://project.supabase.co",
    supabase_publishable_key="sb_publishable_1",
    functions_url="https://region-project.cloudfunctions.net",
    portal_url="https://www.example.com/visits/portal",
    calcom_origin="https://app.cal.com",
    calcom_link="team/consultation",
    support_contact="help@example.com",
)


def ask(path: str, config: Config = CONFIG) -> Answer:
    return Pages(config, FILES).answer(Request("GET", path, {}, Headers(), b"", 0.0))


def text(answer: Answer) -> str:
    assert isinstance(answer.body, bytes)
    return answer.body.decode()


@pytest.mark.parametrize("page", (*PAGES, NOT_FOUND), ids=lambda page: page.module)
def test_what_a_page_is_made_of_is_there(page: Page) -> None:
    assert f"js/pages/{page.module}.js" in FILES.files
    assert {f"css/{name}" for name in page.styles} <= set(FILES.files)
    assert {f"vendor/{name}" for name in page.libraries} <= set(FILES.files)
    assert set(FILES.imported_by(f"js/pages/{page.module}.js")) <= set(FILES.files)


def test_every_style_belongs_to_a_page_and_every_module_to_one() -> None:
    pages = (*PAGES, NOT_FOUND)
    assert {Path(name).name for name in FILES.files if name.startswith("css/")} == {
        *("portal.css", *(style for page in pages for style in page.styles))
    }
    used = {name for page in pages for name in FILES.imported_by(f"js/pages/{page.module}.js")}
    used |= {f"js/pages/{page.module}.js" for page in pages} | {name for page in pages for name in loaded_later(page)}
    assert {name for name in FILES.files if name.startswith("js/")} <= used


def test_a_portal_may_live_anywhere() -> None:
    page = text(ask("/bookings"))
    api = f'<link rel="preconnect" href="{CONFIG.supabase_url}" crossorigin>'
    assert page.count(api) == 1
    assert re.findall(r'(?:src|href)="(?!/visits/portal/)', page.replace(api, "")) == []
    assert ask("/").headers["Location"] == "/visits/portal/bookings"


@pytest.mark.parametrize(
    "hostile", ["</script><script>alert(1)</script>", "$loads ${config}", '"><img src=x>', "\u2028"]
)
def test_settings_are_data_in_a_page(hostile: str) -> None:
    for path in ("/bookings", "/book"):
        settings_are_data(path, replace(CONFIG, support_contact=hostile, calcom_link=hostile))


def settings_are_data(path: str, config: Config) -> None:
    hostile = config.support_contact
    page = text(ask(path, config))
    written = re.search(r'id="config">(.*?)</script>', page, re.DOTALL)
    assert written is not None
    assert json.loads(written[1])["support_contact"] == hostile
    assert page.count("<script") == text(ask(path)).count("<script")
    assert "<img" not in page


def test_who_runs_no_script_can_still_book() -> None:
    assert '<noscript><p class="notice">' in text(ask("/book"))
    assert '<a href="https://app.cal.com/team/consultation">' in text(ask("/book"))


def test_calcom_itself_answers_from_two_origins() -> None:
    policy = ask("/book").headers["Content-Security-Policy"]
    assert "script-src 'self' https://app.cal.com/embed/;" in policy
    assert policy.endswith("frame-src https://app.cal.com https://cal.com")
    own = ask("/book", replace(CONFIG, calcom_origin="https://cal.example.com")).headers["Content-Security-Policy"]
    assert own.endswith("frame-src https://cal.example.com")


def test_a_client_with_a_strange_address_has_a_page() -> None:
    for address in ("client@example.com", "o'brien+a@example.com", "ü@example.com", "a b@example.com"):
        assert ask(f"/admin/clients/{address}").status == 200
    for path in ("/admin/clients/a/b", "/admin/clients/" + "a" * 321):
        assert ask(path).status == 404
