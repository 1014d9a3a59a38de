"""`python -m local.calcom_sim --port 4020`: serves until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys

from werkzeug.serving import make_server

from local.calcom_sim.app import create_app, start_clock
from local.calcom_sim.keeping import Keeper
from local.calcom_sim.simulator import Settings, Simulator
from local.providers.server import HOST, MissingSettings, RequestHandler


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.calcom_sim", description="A Cal.com on this machine.")
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    try:
        sim = Simulator(Settings.from_env(f"http://{HOST}:{port}"))
    except MissingSettings as error:
        sys.exit(f"calcom: {error}")
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(0))
    server = make_server(HOST, port, create_app(sim), threaded=True, request_handler=RequestHandler)
    keeper = Keeper(sim.world, sim.settings.state_file) if sim.settings.state_file else None
    if keeper:
        keeper.load()
        keeper.watch()
    start_clock(sim)
    print(f"Cal.com simulator on http://{HOST}:{port}", flush=True)
    try:
        server.serve_forever()
    finally:
        if keeper:
            keeper.save()


if __name__ == "__main__":
    main()
