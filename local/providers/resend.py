"""A stand-in for Resend: `python -m local.providers.resend --port 4010`.

Settings: RESEND_API_KEY, RESEND_WEBHOOK_SECRET, RECEIPTS_URL (base of our receiver), RESEND_RATE (calls a second).
"""

from __future__ import annotations

import os

from flask import Flask, Response

from local.providers.app import new_app
from local.providers.resend_api import Resend, Settings, failure
from local.providers.server import run


def create_app(stand_in: Resend) -> Flask:
    app = new_app(stand_in, failure)
    calls = stand_in.calls

    @app.post("/emails")
    def send() -> Response:
        return calls.answer(stand_in.send)

    @app.post("/emails/batch")
    def send_batch() -> Response:
        return calls.answer(stand_in.send_batch)

    @app.get("/emails")
    def list_emails() -> Response:
        return calls.answer(stand_in.list)

    @app.get("/emails/<email_id>")
    def fetch(email_id: str) -> Response:
        return calls.answer(lambda: stand_in.fetch(email_id))

    return app


if __name__ == "__main__":
    run("resend", lambda: create_app(Resend(Settings.from_env(os.environ))))
