"""The inbox page: what the stand-in accepted, for a developer to look at.

Whatever a message holds is foreign: templates escape it, its HTML is shown in a sandboxed frame under a policy that
loads nothing, its files come as downloads. Works without scripts; the script only refreshes the list.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from local.providers.control import BadReceipt, StandIn, refuse_other_sites
from local.providers.message import Attachment, Message

MAX_LISTED: Final = 200
_PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_MAIL_POLICY: Final = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
#: Links of a mail open beside the inbox. It stands before the mail's own document, whose later start tags only add.
_MAIL_PREFIX: Final = '<!doctype html><meta charset="utf-8"><base target="_blank">'


def inbox_pages(stand_in: StandIn) -> Blueprint:
    pages = Blueprint("inbox", __name__, url_prefix="/inbox")
    pages.before_request(refuse_other_sites)
    pages.after_request(_protect)
    pages.add_app_template_filter(clock_time)

    @pages.get("")
    def index() -> Response:
        return _page(stand_in)

    @pages.get("/list")
    def listing() -> Response:
        """The list alone, or 204 where nothing changed since `version`."""
        if request.args.get("version") == str(stand_in.mailbox.version):
            return Response(status=204)
        return make_response(render_template("list.html", **_list(stand_in, request.args.get("open"))))

    @pages.get("/<message_id>")
    def message(message_id: str) -> Response:
        return _page(stand_in, message_id)

    @pages.get("/<message_id>/html")
    def html_part(message_id: str) -> Response:
        opened = stand_in.mailbox.get(message_id)
        if opened is None or opened.html is None:
            return Response("No such message.", status=404, content_type="text/plain")
        response = Response(_MAIL_PREFIX + opened.html, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = _MAIL_POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    @pages.get("/<message_id>/attachments/<int:number>")
    def attachment(message_id: str, number: int) -> Response:
        opened = stand_in.mailbox.get(message_id)
        if opened is None or number >= len(opened.attachments):
            return Response("No such attachment.", status=404, content_type="text/plain")
        return _download(opened.attachments[number])

    @pages.post("/<message_id>/receipt")
    def send_receipt(message_id: str) -> AnyResponse:
        return _send(stand_in, message_id, {"id": message_id, "event": request.form.get("event", "")})

    @pages.post("/<message_id>/reply")
    def send_reply(message_id: str) -> AnyResponse:
        opened = stand_in.mailbox.get(message_id)
        number = opened.to[0] if opened else ""
        return _send(stand_in, message_id, {"from": number, "body": request.form.get("body", "")})

    return pages


def clock_time(at: datetime) -> str:
    """What a browser without scripts shows; the script makes it local."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def _page(stand_in: StandIn, message_id: str | None = None) -> Response:
    opened = stand_in.mailbox.get(message_id) if message_id else None
    gone = message_id is not None and opened is None
    outcome = request.args.get("outcome", "")
    page = render_template(
        "inbox.html",
        message=opened,
        gone=gone,
        calendars=_calendars(opened) if opened else {},
        buttons=stand_in.receipt_buttons,
        outcome=outcome if re.fullmatch(r"\w{1,40}", outcome) else "",
        **_list(stand_in, message_id),
    )
    return make_response(page, 404 if gone else 200)


def _list(stand_in: StandIn, opened: str | None) -> dict[str, object]:
    # Read first: a message that comes in meanwhile is then news at the next poll.
    version = stand_in.mailbox.version
    wanted = request.args.get("to", "").strip()
    found = stand_in.mailbox.to(wanted)
    return {
        "name": stand_in.name,
        "version": version,
        "to": wanted,
        "opened": opened,
        "total": len(found),
        "messages": found[:MAX_LISTED],
    }


def _calendars(message: Message) -> dict[int, str]:
    """The text of each calendar file, by the attachment's number."""
    return {
        number: attachment.content.decode("utf-8", "replace")
        for number, attachment in enumerate(message.attachments)
        if attachment.is_calendar
    }


def _download(attachment: Attachment) -> Response:
    response = Response(attachment.content, content_type="application/octet-stream")
    response.headers.set("Content-Disposition", "attachment", filename=_file_name(attachment.filename))
    return response


def _file_name(name: str) -> str:
    return re.sub(r"[^\w. -]", "_", name, flags=re.ASCII).strip(". ") or "attachment"


def _send(stand_in: StandIn, message_id: str, order: dict[str, str]) -> AnyResponse:
    try:
        delivery = stand_in.send_receipt(order)
    except BadReceipt:
        outcome = "refused"
    else:
        outcome = str(delivery.status or delivery.error)
    search = request.args.get("to") or None
    return redirect(url_for("inbox.message", message_id=message_id, to=search, outcome=outcome), code=303)


def _protect(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", _PAGE_POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Not `no-referrer`: with it a browser hides the page's origin in its own forms, too.
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers["Cache-Control"] = "no-store"
    return response
