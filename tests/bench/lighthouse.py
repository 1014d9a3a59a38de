"""The portal's pages as Google's Lighthouse sees them: a telephone with a slow line (its defaults), signed in."""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
from playwright.sync_api import sync_playwright

from local import chromium, node
from ops.stage import ROOT
from tests.bench.passing_on import proxy
from tests.conftest import Stack
from tests.functions.acting import House
from tests.portal.every_page import SIGHTS, furnish
from tests.portal.portal import ROLES, SESSION, session_of
from tests.portal.weight import LATER, LIMIT, WEIGHTS

RUNS = 3
SEEN = ("book", "upcoming", "booking", "preferences", "admin", "client", "health")
CATEGORIES = {"performance": "≥ 95", "accessibility": "≥ 100", "best-practices": "≥ 100"}

Measures = dict[str, tuple[tuple[float, float], str, str]]


@dataclass(frozen=True)
class Sighted:
    """One report: the scores, 0 to 100, and what cost points."""

    scores: dict[str, float]
    faults: list[str]


def measure(stack: Stack) -> Measures:
    """Weight and scores of each page: name → (ours, the best there is), unit, aim. Faults are printed."""
    rows: Measures = {}
    for name, weight in WEIGHTS.items():
        rows[f"page {name}, JS and CSS"] = ((weight / 1000, LIMIT / 1000), "kB", "≤ 1")
        if LATER[name]:
            rows[f"page {name}, JS that comes later"] = ((LATER[name] / 1000, LIMIT / 1000), "kB", "")
    with psycopg.connect(stack.env["POSTGRES_URL"], autocommit=True) as db:
        house = House(stack.env, db)
        ids = furnish(house)
        house.sweep()  # as each minute: where it never ran, a banner says so
        for who in ("client", "admin"):
            house.person(f"{who}@example.com", ROLES.get(who)).close()
        for sight in SIGHTS:
            if sight.name in SEEN:
                url = stack.env["PORTAL_URL"] + sight.path.format(**ids)
                seen = _look(house, url, sight.who)
                for category, aim in CATEGORIES.items():
                    score = statistics.median(one.scores[category] for one in seen)
                    rows[f"page {sight.name}, {category}"] = ((score, 100.0), "", aim)
                for fault in sorted({fault for one in seen for fault in one.faults}):
                    print(f"{sight.name}: {fault}")
    return rows


def _look(house: House, url: str, who: str | None) -> list[Sighted]:
    """Several reports of a page, from a browser that somebody is signed in to."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, proxy() as between:
        port = _free_port()
        command = [chromium.path(), *chromium.ARGUMENTS, "--headless", f"--user-data-dir={folder}"]
        command += [f"--remote-debugging-port={port}", f"--proxy-server={between}", "--proxy-bypass-list=<-loopback>"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _sign_in(house, port, who)
            return [_report(url, port) for _ in range(RUNS)]
        finally:
            process.terminate()
            process.wait()


def _sign_in(house: House, port: int, who: str | None) -> None:
    """What is kept in one tab of the browser is there in Lighthouse's, too."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.connect_over_cdp(_waited_for(f"http://127.0.0.1:{port}"))
        page = browser.contexts[0].new_page()
        page.goto(house.env["PORTAL_URL"] + "/config.json")
        if who:
            session = session_of(house.env, f"{who}@example.com")
            page.evaluate("([name, value]) => localStorage.setItem(name, value)", [SESSION, session])


def _waited_for(url: str) -> str:
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"{url}/json/version").raise_for_status()
            return url
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _report(url: str, port: int) -> Sighted:
    options = [f"--port={port}", "--disable-storage-reset", "--output=json", "--quiet"]
    options.append(f"--only-categories={','.join(CATEGORIES)}")
    command = node.command("lighthouse", "cli/index.js", url, *options)
    environment = node.environment() | {"no_proxy": "127.0.0.1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)
    if done.returncode:
        raise RuntimeError(f"{url}: {done.stderr}")
    report: dict[str, Any] = json.loads(done.stdout)
    scores = {name: 100.0 * float(category["score"] or 0) for name, category in report["categories"].items()}
    faults = [
        f"{audit['title']} {audit.get('displayValue', '')}".strip()
        for category in report["categories"].values()
        for part in category["auditRefs"]
        if part["weight"] and (audit := report["audits"][part["id"]])["score"] is not None and audit["score"] < 0.9
    ]
    return Sighted(scores, faults)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
