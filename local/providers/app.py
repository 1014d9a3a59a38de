"""What both stand-ins' web applications share: control paths, inbox, errors in the provider's shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from flask import Flask, Response, redirect
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from local.providers.calls import Answer
from local.providers.control import StandIn, control_paths
from local.providers.inbox import inbox_pages

#: Resend takes 40 MB of attachments; the rest is the mail around them.
MAX_BODY_BYTES: Final = 48 * 1024 * 1024


def new_app(stand_in: StandIn, failure: Callable[[int], Answer]) -> Flask:
    """An application without the provider's own paths yet. `failure` is the provider's answer for a status."""
    app = Flask("local.providers", static_url_path="/inbox/static")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    # Lets a dropped connection reach the server, which closes it without an answer.
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.register_blueprint(control_paths(stand_in))
    app.register_blueprint(inbox_pages(stand_in))

    @app.get("/")
    def root() -> AnyResponse:
        return redirect("/inbox")

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        return failure(error.code or 500).response()

    return app
