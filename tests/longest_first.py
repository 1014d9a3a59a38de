"""Which files several workers begin with: a file is one worker's, and none should have a long one left at the end."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from ops.stage import ROOT

# The longest first: they compute, or wait, for half a minute or more, whatever their number of tests is; and folders in
# which a few tests take as long as hundreds elsewhere. The others follow by their number of tests.
LONG = tuple(
    ROOT / "tests" / name
    for name in (
        *("functions/test_nobody_misses_a_meeting.py", "deploy", "database/test_history.py"),
        "functions/test_reconcile.py",
        *("portal/test_faults.py", "portal/test_admin.py"),
        *("functions/test_csv.py", "functions/test_bulk_cancel.py", "functions/test_webhook_signature.py"),
        *("database/test_order.py", "functions/test_delivery_faults.py", "functions/test_actions_under_faults.py"),
        *("database/test_reminders_model.py", "functions/test_phone_verification.py", "functions/test_feed.py"),
        *("portal", "stack", "database/test_told.py", "calcom_sim/test_keeping.py"),
        *("functions/test_cancel.py", "functions/test_reschedule.py"),
    )
)


def sort(items: list[pytest.Item]) -> None:
    """Whole files stay together, each in its own order."""
    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: (_place(item.path), -sizes[item.path], item.path))


def _place(file: Path) -> int:
    return next((place for place, long in enumerate(LONG) if file == long or long in file.parents), len(LONG))
