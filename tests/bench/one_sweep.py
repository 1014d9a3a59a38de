"""`python -m tests.bench.one_sweep <file>`: one sweep in a process of its own, as an instance of the function has it.

The settings come from the environment. Writes {"seconds", "sent", "calls", "megabytes"} as JSON into the file: `calls`
to the database, and the most memory that was ever resident.
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from shared import database, outbox


def main() -> None:
    numbers = itertools.count(1)
    call = database.Database.call
    last = [0]

    def counted(self: database.Database, function: str, **params: Any) -> Any:
        last[0] = next(numbers)
        return call(self, function, **params)

    database.Database.call = counted  # type: ignore[method-assign]
    started = time.monotonic()
    counts = outbox.sweep(started + 900)
    result = {
        "seconds": time.monotonic() - started,
        "sent": counts.sent,
        "calls": last[0],
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    Path(sys.argv[1]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
