"""Whatever breaks, and whenever: at most one of each message is sent, none that is due is lost, none leaves too late.

Runs are drawn at random (`sending_run`), and what was observed in them is judged by rules that know nothing of the code
(`history`; tests/database/test_history_rules.py shows that they can fail). With EXAMPLES=5 there are five times as many
runs, new ones each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random, SystemRandom
from uuid import uuid4

import pytest

from shared import letters, mail, settings
from tests.database.history import about, violations
from tests.database.recorded import Connection
from tests.database.sending import played
from tests.database.sending_run import Run, Town, town
from tests.unit.conftest import ENVIRONMENT

EXAMPLES = os.environ.get("EXAMPLES")
RUNS = 500


@pytest.fixture(scope="module")
def settled(connections: list[Connection]) -> Iterator[Town]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        forget()
        with town(connections) as made, played():
            yield made
        forget()


def forget() -> None:
    settings.load.cache_clear()
    mail._sdk.cache_clear()


def test_500_runs(settled: Town) -> None:
    base = "" if EXAMPLES is None else f"{SystemRandom().randrange(10**6)}-"
    for number in range(RUNS * int(EXAMPLES or 1)):
        seed = f"{base}{number}"
        history = Run(settled, Random(seed)).history()
        found = violations(history)
        assert not found, f"seed {seed}: {len(found)} violations, the first:\n{about(history, found[0])}"


def written_anew(patch: pytest.MonkeyPatch) -> None:
    write = letters.write
    patch.setattr(letters, "write", lambda rows: write([{**row, "payload": None} for row in rows]))


def under_a_new_key(patch: pytest.MonkeyPatch) -> None:
    post = mail.post_batch
    patch.setattr(mail, "post_batch", lambda payload, size, key, timeout: post(payload, size, uuid4().hex, timeout))


def texts_again(patch: pytest.MonkeyPatch) -> None:
    post = letters.post
    patch.setattr(letters, "post", lambda letter, deadline: post(replace(letter, repeated=False), deadline))


@pytest.mark.parametrize(
    ("mistake", "rule"),
    [
        (written_anew, "other bytes under one key"),
        (under_a_new_key, "accepted more than once"),
        (texts_again, "accepted more than once"),
    ],
)
def test_mistakes_are_noticed(
    settled: Town, monkeypatch: pytest.MonkeyPatch, mistake: Callable[[pytest.MonkeyPatch], None], rule: str
) -> None:
    mistake(monkeypatch)
    histories = (Run(settled, Random(f"{rule} {number}")).history() for number in range(RUNS))
    assert any(rule in {violation.rule for violation in violations(history)} for history in histories)
