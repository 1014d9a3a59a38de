"""`python -m local.calcom_sim --port 4020`: serves until SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys

from werkzeug.serving import WSGIRequestHandler, make_server

from local.calcom_sim.app import create_app, start_clock
from local.calcom_sim.simulator import Settings, Simulator


class _Quiet(WSGIRequestHandler):
    """No line per request: paths carry capabilities, queries carry addresses."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.calcom_sim", description=__doc__)
    parser.add_argument("--port", type=int, default=4020)
    port: int = parser.parse_args().port
    try:
        sim = Simulator(Settings.from_env(f"http://127.0.0.1:{port}"))
    except KeyError as missing:
        sys.exit(f"Setting {missing.args[0]} is missing.")
    server = make_server("127.0.0.1", port, create_app(sim), threaded=True, request_handler=_Quiet)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    start_clock(sim)
    print(f"Cal.com simulator: http://127.0.0.1:{port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
