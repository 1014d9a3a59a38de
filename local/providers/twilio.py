"""A stand-in for Twilio's messages: `python -m local.providers.twilio --port 4011`.

Settings: TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_MESSAGING_SERVICE_SID, FUNCTIONS_URL.
"""

from __future__ import annotations

import os

from flask import Flask, Response

from local.providers.app import new_app
from local.providers.server import run
from local.providers.twilio_api import Settings, Twilio, failure

_MESSAGES = "/2010-04-01/Accounts/<account_sid>/Messages"


def create_app(stand_in: Twilio) -> Flask:
    app = new_app(stand_in, failure)
    calls = stand_in.calls

    @app.post(f"{_MESSAGES}.json")
    def send(account_sid: str) -> Response:
        return calls.answer(lambda: stand_in.send(account_sid))

    @app.get(f"{_MESSAGES}.json")
    def list_messages(account_sid: str) -> Response:
        return calls.answer(lambda: stand_in.list(account_sid))

    @app.get(f"{_MESSAGES}/<sid>.json")
    def fetch(account_sid: str, sid: str) -> Response:
        return calls.answer(lambda: stand_in.fetch(account_sid, sid))

    return app


if __name__ == "__main__":
    run("twilio", lambda: create_app(Twilio(Settings.from_env(os.environ))))
