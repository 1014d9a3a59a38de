"""Which files several workers begin with: a file is one worker's, and none should have a long one left at the end."""

from __future__ import annotations

from collections import Counter

import pytest

from ops.stage import ROOT

# The longest first: they compute, or wait, for half a minute or more, whatever their number of tests is.
# Others follow by their number of tests. `--durations=0` tells.
_LONG = (
    "functions/test_nobody_misses_a_meeting.py",
    "database/test_history.py",
    "database/test_order.py",
)


def sort(items: list[pytest.Item]) -> None:
    """Whole files stay together, each in its own order."""
    places = {ROOT / "tests" / name: place for place, name in enumerate(_LONG)}
    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: (places.get(item.path, len(places)), -sizes[item.path], item.path))
