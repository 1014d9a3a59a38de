"""The simulator as a web application, and the clock that says when meetings begin and end."""

from __future__ import annotations

import threading
import time

from flask import Flask

from local.calcom_sim import hosting
from local.calcom_sim.api_account import account_api
from local.calcom_sim.api_bookings import bookings_api
from local.calcom_sim.api_hosting import hosting_api
from local.calcom_sim.control import control
from local.calcom_sim.embed import embed
from local.calcom_sim.page import pages
from local.calcom_sim.simulator import Simulator

_LARGEST_BODY = 1024 * 1024
_TICK_SECONDS = 15


def create_app(sim: Simulator) -> Flask:
    """All paths of the simulator."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    # Lets a dropped connection reach the server, which closes it without an answer.
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    sim.gate.guard(app)
    for paths in (bookings_api(sim), hosting_api(sim), account_api(sim), control(sim), embed(sim), pages(sim)):
        app.register_blueprint(paths)
    return app


def start_clock(sim: Simulator) -> None:
    """Say MEETING_STARTED and MEETING_ENDED as their times come, from a thread of its own."""

    def tick() -> None:
        while True:
            time.sleep(_TICK_SECONDS)
            with sim.action() as world:
                hosting.meetings_due(world)

    threading.Thread(target=tick, name="clock", daemon=True).start()
