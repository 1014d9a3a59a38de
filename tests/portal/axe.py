"""Deque's axe-core, which looks for what keeps people with a disability from using a page (WCAG 2.2 A and AA)."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from ops.stage import ROOT

_SOURCE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# It would copy style sheets into the page, which the page's policy forbids, for a rule that is not among these.
_RUN = "async (runOnly) => (await axe.run(document, {runOnly, preload: false})).violations"


def violations(page: Page) -> list[str]:
    """What is wrong with the page as it is now: the rule, where, and why."""
    page.evaluate(_SOURCE)  # as a debugger does, which no policy of the page forbids
    found: list[dict[str, Any]] = page.evaluate(_RUN, _TAGS)
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
