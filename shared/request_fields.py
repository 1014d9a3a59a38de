"""Values that several requests carry, each checked at the edge."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from shared import calcom_values


def _known(name: str) -> str:
    if calcom_values.time_zone(name) is None:
        raise ValueError("unknown time zone")
    return name


def _moment(value: object) -> object:
    """A bare date is its beginning in UTC; a `+` that a query turned into a blank is one again."""
    if isinstance(value, str):
        value = value.replace(" ", "+")
        return f"{value}T00:00:00Z" if len(value) == len("2026-12-01") else value
    return value


# Why somebody acts. Postgres knows no NUL.
Reason = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]
# An IANA name.
TimeZone = Annotated[str, AfterValidator(_known)]
# ISO 8601 with its zone, or a date, in a query.
Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
