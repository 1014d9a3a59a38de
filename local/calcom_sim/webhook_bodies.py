"""The payloads of Cal.com's webhooks, one function per trigger.

Each has the keys, and the nulls, that Cal.com's own guide and real captures of that trigger show: they differ from
trigger to trigger (spelling of times, labels of answers, null or absent), and a receiver has to cope with that.
"""

from __future__ import annotations

from collections.abc import Sequence

from local.calcom_sim.answers import answers
from local.calcom_sim.calendar_event import booked, calendar_files, ended, moved_from, payment
from local.calcom_sim.event_types import Host
from local.calcom_sim.people import attendee, attendee_row
from local.calcom_sim.state import Attendee, Booking, Emission, Json
from local.calcom_sim.times import iso_millis, iso_offset


def created(booking: Booking, base_url: str, seat: Attendee | None = None) -> Emission:
    """A booking holds: made, or confirmed. Of a seated one, the one seat taken."""
    return Emission(
        "BOOKING_CREATED",
        booked(booking, base_url, [seat] if seat else booking.people),
        booking.event_type,
        calendar=calendar_files(booking, "REQUEST"),
    )


def requested(booking: Booking, base_url: str, old: Booking | None = None) -> Emission:
    """A booking awaits the host's word; `old` where it is the move of another."""
    payload = booked(booking, base_url, booking.people) | {"oneTimePassword": booking.one_time_password}
    del payload["appsStatus"], payload["conferenceData"]
    payload.pop("videoCallData", None)
    return Emission("BOOKING_REQUESTED", payload | {"metadata": booking.metadata} | moved_from(old), booking.event_type)


def rescheduled(booking: Booking, base_url: str, old: Booking, seat: Attendee | None = None) -> Emission:
    """A booking moved: `booking` is the new row, `old` the one before. A moved seat names itself as what was moved."""
    payload = booked(booking, base_url, [seat] if seat else booking.people) | moved_from(old)
    if seat is not None:
        payload["rescheduleUid"] = seat.seat
        del payload["rescheduleId"]
    else:
        del payload["iCalUID"]  # as Cal.com's guide shows it
    if booking.rescheduled_by:
        payload["rescheduledBy"] = booking.rescheduled_by
    return Emission("BOOKING_RESCHEDULED", payload, booking.event_type, calendar=calendar_files(booking, "REQUEST"))


def cancelled(
    booking: Booking, base_url: str, *, whole_series: bool = False, request_reschedule: bool = False
) -> Emission:
    """A booking is off. One of these stands for the whole rest of a series."""
    event_type = booking.event_type
    payload = ended(booking, base_url) | {
        "startTime": iso_offset(booking.start),
        "endTime": iso_offset(booking.end),
        "attendees": [attendee(person, booking.start, phone=True, names=False) for person in booking.people],
        "cancellationReason": booking.cancellation_reason or "",
        "seatsPerTimeSlot": event_type.seats,
        "seatsShowAttendees": False,
        "iCalUID": booking.ical_uid,
        "iCalSequence": booking.ical_sequence,
        "eventDescription": None,
        "price": None,
        "status": "CANCELLED",
        "requestReschedule": request_reschedule,
    }
    if booking.cancelled_by:
        payload["cancelledBy"] = booking.cancelled_by
    if whole_series:
        payload["recurringEvent"] = event_type.recurrence
    if request_reschedule:
        payload["organizer"] = {key: value for key, value in payload["organizer"].items() if key != "id"}
    return Emission("BOOKING_CANCELLED", payload, event_type, calendar=calendar_files(booking, "CANCEL"))


def seat_cancelled(booking: Booking, base_url: str, seat: Attendee, reason: str | None) -> Emission:
    """One seat was given up. It looks like the end of the whole booking, which lives on; only `attendees` tells."""
    person = attendee_row(seat, booking) | {"language": {"locale": seat.locale}}
    emission = cancelled(booking, base_url)
    payload = emission.payload | {
        "attendees": [person],
        "cancellationReason": reason or "",
        "iCalSequence": booking.ical_sequence + 1,
    }
    for key in ("cancelledBy", "requestReschedule"):
        payload.pop(key, None)
    return Emission("BOOKING_CANCELLED", payload, booking.event_type)


def rejected(booking: Booking, base_url: str) -> Emission:
    """The host declined."""
    payload = ended(booking, base_url) | {
        "startTime": iso_millis(booking.start),
        "endTime": iso_millis(booking.end),
        "attendees": [attendee(person, booking.start, phone=True, names=False) for person in booking.people],
        "hideCalendarNotes": False,
        "hideCalendarEventDetails": False,
        "rejectionReason": booking.rejection_reason or "",
        "eventDescription": booking.event_type.description,
        "price": booking.event_type.price,
        "status": "REJECTED",
    }
    return Emission("BOOKING_REJECTED", payload, booking.event_type)


def payment_initiated(booking: Booking) -> Emission:
    """The booker was sent to pay. The body says ACCEPTED all the same."""
    return Emission("BOOKING_PAYMENT_INITIATED", payment(booking) | {"metadata": {}}, booking.event_type)


def paid(booking: Booking) -> Emission:
    """The money came; the metadata is the payment's, not the booking's."""
    metadata: Json = {
        "identifier": "cal.com",
        "bookingId": booking.id,
        "eventTypeId": booking.event_type.id,
        "bookerEmail": booking.booker.email,
        "eventTitle": booking.event_type.title,
        "externalId": f"pi_{booking.uid}",
    }
    return Emission(
        "BOOKING_PAID",
        payment(booking) | {"metadata": metadata},
        booking.event_type,
        calendar=calendar_files(booking, "REQUEST"),
    )


def location_updated(booking: Booking, base_url: str, previous: str) -> Emission:
    """The place changed, nothing else."""
    payload = booked(booking, base_url, booking.people) | {"previousLocation": previous}
    for key in (
        "disableRescheduling",
        "disableCancelling",
        "oneTimePassword",
        "hashedLink",
        "conferenceData",
        "videoCallData",
        "appsStatus",
    ):
        payload.pop(key, None)
    return Emission("BOOKING_LOCATION_UPDATED", payload, booking.event_type)


def reassigned(booking: Booking, base_url: str, previous: Host) -> Emission:
    """Another host took the booking over."""
    whole = booked(booking, base_url, booking.people)
    payload = {
        key: whole[key]
        for key in (
            "bookerUrl",
            "title",
            "startTime",
            "endTime",
            "type",
            "description",
            "eventTypeId",
            "organizer",
            "attendees",
            "responses",
            "location",
            "destinationCalendar",
            "iCalUID",
            "iCalSequence",
            "uid",
            "eventTitle",
            "bookingId",
            "status",
        )
    }
    del payload["organizer"]["usernameInOrg"]
    payload |= {"addedHostUserIds": [booking.host.id], "removedHostUserIds": [previous.id]}
    return Emission("BOOKING_REASSIGNED", payload, booking.event_type, calendar=calendar_files(booking, "REQUEST"))


def no_show_updated(booking: Booking, people: Sequence[Attendee]) -> Emission:
    """Somebody was marked absent, or present again. It has `bookingUid`, not `uid`."""
    said = ", ".join(f"{person.email} {'marked' if person.absent else 'unmarked'} as no-show" for person in people)
    payload: Json = {
        "message": said,
        "attendees": [{"email": person.email, "noShow": person.absent} for person in people],
        "bookingUid": booking.uid,
        "bookingId": booking.id,
    }
    return Emission("BOOKING_NO_SHOW_UPDATED", payload, booking.event_type)


def meeting(trigger: str, booking: Booking) -> Emission:
    """MEETING_STARTED or MEETING_ENDED: the booking's row itself, flat; its `createdAt` is the booking's."""
    host = booking.host
    row: Json = {
        "id": booking.id,
        "uid": booking.uid,
        "idempotencyKey": booking.uid,
        "userId": host.id,
        "userPrimaryEmail": host.email,
        "eventTypeId": booking.event_type.id,
        "title": booking.title,
        "description": booking.notes,
        "customInputs": {},
        "responses": answers(booking),
        "startTime": iso_millis(booking.start),
        "endTime": iso_millis(booking.end),
        "location": booking.location,
        "createdAt": iso_millis(booking.created_at),
        "updatedAt": iso_millis(booking.updated_at),
        "status": booking.status.upper(),
        "paid": booking.paid,
        "destinationCalendarId": None,
        "cancellationReason": booking.cancellation_reason,
        "rejectionReason": booking.rejection_reason,
        "reassignReason": None,
        "reassignById": None,
        "dynamicEventSlugRef": None,
        "dynamicGroupSlugRef": None,
        "rescheduled": True if booking.rescheduled_to else None,
        "fromReschedule": booking.rescheduled_from,
        "recurringEventId": booking.series,
        "smsReminderNumber": None,
        "scheduledJobs": [],
        "metadata": booking.metadata,
        "isRecorded": False,
        "iCalUID": booking.ical_uid,
        "iCalSequence": booking.ical_sequence,
        "rating": None,
        "ratingFeedback": None,
        "noShowHost": booking.host_absent,
        "oneTimePassword": None,
        "cancelledBy": booking.cancelled_by,
        "rescheduledBy": booking.rescheduled_by,
        "creationSource": "WEBAPP",
        "user": {"email": host.email, "name": host.name, "timeZone": host.time_zone, "username": host.username},
        "attendees": [attendee_row(person, booking) for person in booking.attendees],
        "payment": [],
        "references": [],
        "appsStatus": [],
    }
    return Emission(trigger, row, booking.event_type, flat=True)
