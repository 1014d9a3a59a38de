"""What may be asked of `cancel`: one booking, or a chunk of a batch."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Discriminator, Field, RootModel, Tag

from shared.request_fields import Reason


class One(BaseModel):
    """`scope`: this booking, or this occurrence and the rest of its series. `attendee_id`: staff end one seat."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    booking_id: UUID
    scope: Literal["this", "remaining"] = "this"
    reason: Reason | None = None
    attendee_id: UUID | None = None


class Batch(BaseModel):
    """Bookings to cancel, in chunks of at most 20 that share a `batch_id`. `dry_run`: what it would change and tell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_id: UUID
    booking_ids: tuple[UUID, ...] = Field(min_length=1, max_length=20)
    reason: Annotated[Reason, Field(pattern=r"\S")]
    dry_run: bool = False


def _kind(body: Any) -> str:
    return "batch" if isinstance(body, dict) and "batch_id" in body else "one"


class Wanted(RootModel[Annotated[Annotated[One, Tag("one")] | Annotated[Batch, Tag("batch")], Discriminator(_kind)]]):
    """The body of a request."""
