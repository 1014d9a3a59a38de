"""What a person wants to be told: by a link from a mail, without a session; and their telephone number, with one."""

from __future__ import annotations

from shared import phone_verification, preferences_by_link, settings, tokens, web
from shared.errors import MethodNotAllowed, NotFound

settings.require(
    settings.Database,
    settings.Sessions,
    settings.Browsers,
    settings.Mail,
    settings.Sms,
    settings.Links,
)


@web.endpoint("GET", "POST", "DELETE", paths=None, origins=settings.load(settings.Browsers).allowed_origins)
def preferences(request: web.Request) -> web.Answer:
    """By link: `GET` and `POST ?token`, `POST /link`. As a person: `POST`, `DELETE /phone`, `POST /phone/verify`."""
    match request.method, request.path:
        case "GET" | "HEAD", "/":
            return preferences_by_link.open_page(request)
        case "POST", "/":
            return preferences_by_link.save(request)
        case "POST", "/link":
            return preferences_by_link.mail_link(request)
        case "POST", "/phone":
            user_id, wanted = tokens.person(request), request.read(phone_verification.Number)
            language = request.headers.get("Accept-Language")
            return web.Answer(phone_verification.begin(user_id, tokens.bearer(request), wanted, language), status=202)
        case "POST", "/phone/verify":
            user_id = tokens.person(request)
            return web.Answer(phone_verification.finish(user_id, request.read(phone_verification.Code)))
        case "DELETE", "/phone":
            tokens.person(request)
            return web.Answer(phone_verification.remove(tokens.bearer(request)))
        case _, "/" | "/link" | "/phone" | "/phone/verify":
            raise MethodNotAllowed()
        case _:
            raise NotFound()
