"""What can go wrong between a page and what it asks: all calls to the API and to the functions, or some."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from playwright.sync_api import Page, Route

# Everything that a page asks except for itself: its document, its files, its settings.
ALL = re.compile(r"^https?://[^/]+/(?!portal(/|$|\?))")


@contextmanager
def failing(
    page: Page, status: int, url: re.Pattern[str] = ALL, problem: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Each call is answered with this status, without a word or with this problem (RFC 9457)."""
    body = json.dumps(problem) if problem else ""
    with _routed(page, url, lambda route: route.fulfill(status=status, body=body, headers=_ANY_ORIGIN)):
        yield


@contextmanager
def unreachable(page: Page, url: re.Pattern[str] = ALL) -> Iterator[None]:
    """No call has an answer. (`page.context.set_offline(True)` is what a page in a tunnel sees: not even itself.)"""
    with _routed(page, url, lambda route: route.abort()):
        yield


@contextmanager
def held(page: Page, url: re.Pattern[str] = ALL) -> Iterator[None]:
    """Calls wait until the end of the block; then they go on. `page.clock.fast_forward(3500)` passes the time."""
    waiting: list[Route] = []
    with _routed(page, url, lambda route: waiting.append(route)):
        yield
        for route in waiting:
            route.continue_()


@contextmanager
def _routed(page: Page, url: re.Pattern[str], answer: object) -> Iterator[None]:
    page.route(url, answer)  # type: ignore[arg-type]
    try:
        yield
    finally:
        page.unroute(url)


_ANY_ORIGIN = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}
