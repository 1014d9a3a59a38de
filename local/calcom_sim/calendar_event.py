"""What the webhook bodies of several triggers have in common: Cal.com's calendar event, as a booking makes it."""

from __future__ import annotations

from collections.abc import Sequence

from local.calcom_sim.answers import answers, plain_answers, user_answers
from local.calcom_sim.event_types import TEAM_ID, TEAM_NAME
from local.calcom_sim.people import attendee, organizer, team_member
from local.calcom_sim.state import Attendee, Booking, Json
from local.calcom_sim.times import iso, iso_millis


def booked(booking: Booking, base_url: str, people: Sequence[Attendee]) -> Json:
    """What CREATED, RESCHEDULED and REQUESTED have in common: the whole calendar event."""
    event_type = booking.event_type
    listed = people[0] if booking.seated and len(people) == 1 else None
    responses = listed.responses if listed else booking.responses
    notes = str(responses.get("notes") or "")
    payload: Json = _type_of(booking, base_url) | {
        "startTime": iso(booking.start),
        "endTime": iso(booking.end),
        "additionalNotes": notes,
        "description": notes,
        "hideCalendarNotes": False,
        "hideCalendarEventDetails": False,
        "schedulingType": event_type.scheduling,
        "seatsPerTimeSlot": event_type.seats,
        "seatsShowAttendees": event_type.show_attendees,
        "seatsShowAvailabilityCount": True,
        "disableRescheduling": False,
        "disableCancelling": False,
        "attendees": [attendee(person, booking.start) for person in people],
        "responses": answers(booking, listed),
        "userFieldsResponses": user_answers(booking, listed),
        "destinationCalendar": None,
        "iCalUID": booking.ical_uid,
        "iCalSequence": booking.ical_sequence,
        "oneTimePassword": None,
        "hashedLink": None,
        "conferenceData": {"createRequest": {"requestId": "3f1d5c1e-7c52-4b6f-9d0e-52a9f0c6b1d4"}},
        "appsStatus": [],
        "eventDescription": event_type.description,
        "price": event_type.price,
        "metadata": booking.metadata,
        "status": booking.status.upper(),
    }
    url = booking.metadata.get("videoCallUrl")
    if url:
        password = f"pw-{booking.uid}"
        payload["videoCallData"] = {"type": "daily_video", "id": booking.uid, "password": password, "url": url}
        payload["appsStatus"] = [
            {"appName": "daily-video", "type": "daily_video", "success": 1, "failures": 0, "errors": []}
        ]
    if listed:
        payload["attendeeSeatId"] = listed.seat
    if event_type.team:
        others = [host for host in event_type.hosts if host != booking.host]
        members = others if event_type.scheduling == "COLLECTIVE" else []
        payload["team"] = {"id": TEAM_ID, "name": TEAM_NAME, "members": [team_member(host) for host in members]}
    if booking.series:
        payload["recurringEvent"] = event_type.recurrence
    return payload


def ended(booking: Booking, base_url: str) -> Json:
    """What CANCELLED and REJECTED have in common; answers under bare labels, no metadata."""
    return _type_of(booking, base_url) | {
        "additionalNotes": booking.notes,
        "description": booking.notes,
        "responses": plain_answers(booking),
        "userFieldsResponses": {},
        "destinationCalendar": [],
    }


def _type_of(booking: Booking, base_url: str) -> Json:
    """Of which booking and which event type a body speaks; in the bodies of every kind but payments."""
    event_type = booking.event_type
    return {
        "bookerUrl": base_url,
        "title": booking.title,
        "type": event_type.slug,
        "eventTypeId": event_type.id,
        "hideOrganizerEmail": event_type.hide_host_email,
        "customReplyToEmail": None,
        "organizer": organizer(booking.host, booking.start),
        "customInputs": {},
        "location": booking.location,
        "requiresConfirmation": event_type.requires_confirmation,
        "organizationId": None,
        "uid": booking.uid,
        "eventTitle": event_type.title,
        "currency": event_type.currency,
        "length": event_type.minutes,
        "bookingId": booking.id,
    }


def payment(booking: Booking) -> Json:
    """What PAYMENT_INITIATED and PAID have in common; it says ACCEPTED whatever the booking is."""
    event_type = booking.event_type
    host = organizer(booking.host, booking.start)
    return {
        "type": event_type.title,  # the title, where other triggers have the slug
        "title": booking.title,
        "description": booking.notes,
        "additionalNotes": booking.notes,
        "customInputs": {},
        "startTime": iso_millis(booking.start),
        "endTime": iso_millis(booking.end),
        "organizer": {key: host[key] for key in ("id", "name", "email", "username", "timeZone", "language")}
        | {"timeFormat": 24},
        "attendees": [
            {
                "name": person.name,
                "email": person.email,
                "timeZone": person.time_zone,
                "language": {"locale": person.locale},
            }
            for person in booking.people
        ],
        "location": booking.location,
        "destinationCalendar": None,
        "hideCalendarNotes": False,
        "requiresConfirmation": event_type.requires_confirmation,
        "eventTypeId": event_type.id,
        "seatsShowAttendees": True,
        "seatsShowAvailabilityCount": True,
        "schedulingType": event_type.scheduling,
        "iCalUID": booking.ical_uid,
        "iCalSequence": booking.ical_sequence,
        "uid": booking.uid,
        "bookingId": booking.id,
        "eventTitle": event_type.title,
        "eventDescription": event_type.description,
        "price": event_type.price,
        "currency": event_type.currency.upper(),
        "length": event_type.minutes,
        "paymentId": booking.payment_id,
        "status": "ACCEPTED",
    }


def moved_from(old: Booking | None) -> Json:
    """The booking that this one came from; nothing where it came from none."""
    if old is None:
        return {}
    return {
        "rescheduleId": old.id,
        "rescheduleUid": old.uid,
        "rescheduleStartTime": iso(old.start),
        "rescheduleEndTime": iso(old.end),
    }


def calendar_files(booking: Booking, method: str) -> Json:
    """Both calendar files as webhook version 2026-07-27 adds them: for who attends and for the host."""
    stamp = "%Y%m%dT%H%M%SZ"

    def file(people: Sequence[str]) -> str:
        return "\n".join(
            [
                "BEGIN:VCALENDAR",
                "VERSION:2.0",
                f"METHOD:{method}",
                "BEGIN:VEVENT",
                f"UID:{booking.ical_uid}",
                f"SEQUENCE:{booking.ical_sequence}",
                f"DTSTART:{booking.start:{stamp}}",
                f"DTEND:{booking.end:{stamp}}",
                f"SUMMARY:{booking.event_type.title}",
                f"ORGANIZER:mailto:{booking.host.email}",
                *(f"ATTENDEE:mailto:{email}" for email in people),
                "END:VEVENT",
                "END:VCALENDAR",
            ]
        )

    return {
        "attendeeIcsContent": file([person.email for person in booking.people]),
        "organizerIcsContent": file([booking.host.email]),
    }
