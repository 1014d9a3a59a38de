"""Every error that a caller is told, with its HTTP status and its stable code (RFC 9457 `code` member).

    ServiceError                 500 internal
    ├─ Invalid                   400 invalid
    │  ├─ WrongCode              400 wrong_code
    │  └─ ExpiredCode            400 expired_code
    ├─ NotSignedIn               401 not_signed_in
    │  ├─ BadSignature           401 bad_signature
    │  └─ InvalidLink            401 invalid_link
    ├─ NotAllowed                403 not_allowed
    ├─ NotFound                  404 not_found
    ├─ MethodNotAllowed          405 method_not_allowed
    ├─ Conflict                  409 conflict
    │  └─ Refused                409 refused
    ├─ TooLarge                  413 too_large
    ├─ RateLimited               429 rate_limited
    ├─ Unavailable               503 upstream_unavailable
    └─ Uncertain                 504 uncertain

Errors of others (PostgREST, Resend, Twilio) become one of these at the one module that talks to them. The `detail` is
shown to the caller: it never holds SQL, a provider's text, a secret or an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import JsonValue


class ServiceError(Exception):
    """Something failed here. `detail` is for the caller; `retry_after` (seconds) becomes the header of that name.

    `more` are further members of the problem: what the caller can go on with (RFC 9457 3.2).
    """

    status: ClassVar[int] = 500
    code: str = "internal"
    title: ClassVar[str] = "Something went wrong"

    def __init__(
        self, detail: str = "", *, retry_after: int | None = None, more: Mapping[str, JsonValue] | None = None
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.retry_after = retry_after
        self.more = dict(more or {})


class Invalid(ServiceError):
    status = 400
    code = "invalid"
    title = "The request is not valid"


class WrongCode(Invalid):
    code = "wrong_code"
    title = "This is not the code that was texted"


class ExpiredCode(Invalid):
    code = "expired_code"
    title = "There is no code that still works, please ask for a new one"


class NotSignedIn(ServiceError):
    status = 401
    code = "not_signed_in"
    title = "Please sign in"


class BadSignature(NotSignedIn):
    code = "bad_signature"
    title = "The signature is missing or wrong"


class InvalidLink(NotSignedIn):
    code = "invalid_link"
    title = "This link is not valid any more"


class NotAllowed(ServiceError):
    status = 403
    code = "not_allowed"
    title = "You may not do this"


class NotFound(ServiceError):
    status = 404
    code = "not_found"
    title = "There is no such thing here"


class MethodNotAllowed(ServiceError):
    status = 405
    code = "method_not_allowed"
    title = "This method is not supported here"


class Conflict(ServiceError):
    status = 409
    code = "conflict"
    title = "This contradicts what is already there"


class Refused(Conflict):
    """The booking's state or a rule of the team stands against it: `too_late`, `slot_taken`, … as `code` says."""

    code = "refused"
    title = "This is not possible now"

    def __init__(self, code: str, detail: str = "", *, more: Mapping[str, JsonValue] | None = None) -> None:
        super().__init__(detail, more=more)
        self.code = code


class TooLarge(ServiceError):
    status = 413
    code = "too_large"
    title = "The request is too large"


class RateLimited(ServiceError):
    status = 429
    code = "rate_limited"
    title = "Too many requests"


class Unavailable(ServiceError):
    status = 503
    code = "upstream_unavailable"
    title = "This is not available at the moment, please try again"


class Uncertain(ServiceError):
    status = 504
    code = "uncertain"
    title = "It is not known yet whether this was done"
