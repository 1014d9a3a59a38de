"""The answers of the booking form as webhook bodies write them: with Cal.com's labels, or bare."""

from __future__ import annotations

from local.calcom_sim.state import Attendee, Booking, Json

# Cal.com's own questions: field, label (a key of its translations), whether the form hides it.
_QUESTIONS = (
    ("name", "your_name", False),
    ("email", "email_address", False),
    ("attendeePhoneNumber", "phone_number", True),
    ("location", "location", False),
    ("title", "what_is_this_meeting_about", True),
    ("notes", "additional_notes", False),
    ("guests", "additional_guests", False),
    ("rescheduleReason", "reason_for_reschedule", False),
)


def answers(booking: Booking, seat: Attendee | None = None) -> Json:
    """Every question with its label; `value` is absent where nothing was answered. Of one seat, that person's."""
    given = seat.responses if seat else booking.responses
    written: Json = {}
    for field, label, hidden in _QUESTIONS:
        written[field] = {"label": label, "isHidden": hidden}
        if given.get(field) not in (None, "", []):
            written[field] |= {"value": given[field], "isHidden": False}
    return written | user_answers(booking, seat)


def user_answers(booking: Booking, seat: Attendee | None = None) -> Json:
    """The organiser's own questions only."""
    given = seat.responses if seat else booking.responses
    return {
        field.slug: {"label": field.label, "value": given[field.slug], "isHidden": False}
        for field in booking.event_type.fields
        if field.slug in given
    }


def plain_answers(booking: Booking) -> Json:
    """What was answered, each under the bare name of its field."""
    own = {field.slug for field in booking.event_type.fields}
    return {
        field: {"label": field, "value": value}
        for field, value in booking.responses.items()
        if value not in (None, "", []) and field not in own and field != "location"
    }
