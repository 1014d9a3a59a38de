"""What Cal.com's API refuses, and how it says so."""

from __future__ import annotations

from typing import Any

_CODES = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    403: "ForbiddenException",
    404: "NotFoundException",
    409: "ConflictException",
    429: "ThrottlerException",
    500: "InternalServerErrorException",
    502: "BadGatewayException",
    503: "ServiceUnavailableException",
    504: "GatewayTimeoutException",
}
TAKEN = "User either already has booking at this time or is not available"
HOST_TAKEN = "One of the hosts either already has booking at this time or is not available"


class Refusal(Exception):
    """A call that is answered with an error `status` and Cal.com's `message`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def error_body(status: int, message: str, path: str, timestamp: str) -> dict[str, Any]:
    """The body of an error answer."""
    code = _CODES.get(status, "HttpException")
    details = {"message": message, "error": code, "statusCode": status}
    error = {"code": code, "message": message, "details": details}
    return {"status": "error", "timestamp": timestamp, "path": path, "error": error}


def not_found(uid: str) -> Refusal:
    return Refusal(404, f"Booking with uid={uid} was not found in the database")
