"""Calls the jobs again and again, as Cloud Scheduler does in production.

`python -m local.scheduler --every SECONDS JOB…`, with FUNCTIONS_URL and SCHEDULER_TOKEN in the environment.
"""

from __future__ import annotations

import argparse
import os
import time
import urllib.error
import urllib.request

# Cloud Scheduler's deadline may be longer; a job that takes a minute here has hung.
_DEADLINE = 60


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.scheduler")
    parser.add_argument("--every", type=int, required=True, metavar="SECONDS")
    parser.add_argument("jobs", nargs="+", metavar="JOB")
    arguments = parser.parse_args()
    base, token = os.environ["FUNCTIONS_URL"], os.environ["SCHEDULER_TOKEN"]
    print(f"calls {', '.join(arguments.jobs)} every {arguments.every} s", flush=True)
    while True:
        for job in arguments.jobs:
            print(f"{job}: {_call(f'{base}/{job}', token)}", flush=True)
        time.sleep(arguments.every)


def _call(url: str, token: str) -> str:
    """The job's own answer, or what kept it from answering: it is called again at its next turn."""
    call = urllib.request.Request(url, method="POST", data=b"{}", headers={"Content-Type": "application/json"})
    call.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(call, timeout=_DEADLINE) as answer:
            text: str = answer.read().decode().strip()
            return text
    except urllib.error.HTTPError as error:
        return f"answered {error.code}"
    except OSError as error:
        return f"no answer ({error})"


if __name__ == "__main__":
    main()
