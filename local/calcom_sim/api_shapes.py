"""State as Cal.com's API shows it: bookings of both versions, event types, webhooks, the host."""

from __future__ import annotations

from local.calcom_sim.event_types import ATTENDEE_PHONE, IN_PERSON, TEAM_SLUG, EventType, Host
from local.calcom_sim.state import Attendee, Booking, Json, Webhook
from local.calcom_sim.times import iso_millis

_KEEPS_SEATS = "2026-02-25"  # from this version on, a cancelled group still lists who was in it


def booking_out(booking: Booking, version: str, *, signed_in: bool = True, seat: Attendee | None = None) -> Json:
    """One booking; `seat` answers somebody who has just taken it. Without a key a group may hide who is in it."""
    shown: Json = {
        "id": booking.id,
        "uid": booking.uid,
        "title": booking.title,
        "description": booking.notes,
        "hosts": [host_out(booking.host)],
        "status": booking.status,
        "start": iso_millis(booking.start),
        "end": iso_millis(booking.end),
        "duration": int((booking.end - booking.start).total_seconds() // 60),
        "eventTypeId": booking.event_type.id,
        "eventType": {"id": booking.event_type.id, "slug": booking.event_type.slug},
        "meetingUrl": booking.metadata.get("videoCallUrl") or booking.location,
        "location": booking.metadata.get("videoCallUrl") or booking.location,
        "absentHost": booking.host_absent,
        "createdAt": iso_millis(booking.created_at),
        "updatedAt": iso_millis(booking.updated_at),
        "metadata": booking.metadata,
        "icsUid": booking.ical_uid,
    }
    optional = {
        "cancellationReason": booking.cancellation_reason or booking.rejection_reason,
        "cancelledByEmail": booking.cancelled_by,
        "reschedulingReason": booking.rescheduling_reason,
        "rescheduledByEmail": booking.rescheduled_by,
        "rescheduledFromUid": booking.rescheduled_from,
        "rescheduledToUid": booking.rescheduled_to,
        "recurringBookingUid": booking.series,
    }
    shown |= {key: value for key, value in optional.items() if value}
    if booking.seated:
        return shown | _seated(booking, version, signed_in, seat)
    return shown | {
        "attendees": [attendee_out(person) for person in booking.attendees],
        "guests": booking.guests,
        "bookingFieldsResponses": booking.responses,
    }


def attendee_out(person: Attendee) -> Json:
    return {
        "name": person.name,
        "email": person.email,
        "displayEmail": person.email,
        "timeZone": person.time_zone,
        "language": person.locale,
        "absent": person.absent,
    } | ({"phoneNumber": person.phone} if person.phone else {})


def host_out(host: Host) -> Json:
    return {
        "id": host.id,
        "name": host.name,
        "email": host.email,
        "displayEmail": host.email,
        "username": host.username,
        "timeZone": host.time_zone,
    }


def booking_row(booking: Booking) -> Json:
    """The shape of version 2024-04-15, which a call without a known version gets: another world."""
    return {
        "id": booking.id,
        "uid": booking.uid,
        "title": booking.title,
        "description": booking.notes,
        "startTime": iso_millis(booking.start),
        "endTime": iso_millis(booking.end),
        "status": booking.status.upper(),
        "location": booking.location,
        "metadata": booking.metadata,
        "paid": booking.paid,
        "recurringEventId": booking.series,
        "rescheduled": booking.rescheduled_to is not None,
        "attendees": [
            {"name": p.name, "email": p.email, "timeZone": p.time_zone, "locale": p.locale} for p in booking.attendees
        ],
        "eventType": {"id": booking.event_type.id, "slug": booking.event_type.slug, "title": booking.event_type.title},
        "user": {"id": booking.host.id, "name": booking.host.name, "email": booking.host.email},
    }


def event_type_out(event_type: EventType, base_url: str) -> Json:
    """As version 2024-06-14 shows it."""
    owner = TEAM_SLUG if event_type.team else event_type.host.username
    shown: Json = {
        "id": event_type.id,
        "ownerId": event_type.host.id,
        "lengthInMinutes": event_type.minutes,
        "title": event_type.title,
        "slug": event_type.slug,
        "description": event_type.description,
        "locations": [_place(event_type)],
        "bookingFields": _fields(event_type),
        "disableGuests": event_type.seats is not None,
        "recurrence": None,
        "metadata": {},
        "price": event_type.price,
        "currency": event_type.currency,
        "lockTimeZoneToggleOnBookingPage": False,
        "forwardParamsSuccessRedirect": None,
        "successRedirectUrl": None,
        "isInstantEvent": False,
        "scheduleId": None,
        "hidden": False,
        "bookingRequiresAuthentication": False,
        "minimumBookingNotice": event_type.notice,
        "hideOrganizerEmail": event_type.hide_host_email,
        "users": [host.username for host in event_type.hosts],
        "bookingUrl": f"{base_url}/{owner}/{event_type.slug}",
        "confirmationPolicy": {"type": "always", "blockUnconfirmedBookingsInBooker": False}
        if event_type.requires_confirmation
        else {"disabled": True},
    }
    if event_type.weeks is not None:
        shown["recurrence"] = {"interval": 1, "occurrences": event_type.weeks, "frequency": "weekly"}
    if event_type.seats is not None:
        shown["seats"] = {
            "seatsPerTimeSlot": event_type.seats,
            "showAttendeeInfo": event_type.show_attendees,
            "showAvailabilityCount": True,
        }
    return shown


def webhook_out(webhook: Webhook, host: Host) -> Json:
    owner: Json = {"userId": host.id} if webhook.event_type_id is None else {"eventTypeId": webhook.event_type_id}
    return (
        owner
        | {
            "id": webhook.id,
            "subscriberUrl": webhook.subscriber_url,
            "active": webhook.active,
            "triggers": list(webhook.triggers),
            "payloadTemplate": webhook.payload_template,
            "version": webhook.version,
        }
        | ({"secret": webhook.secret} if webhook.secret else {})
    )


def me_out(host: Host) -> Json:
    return {
        "id": host.id,
        "username": host.username,
        "email": host.email,
        "name": host.name,
        "avatarUrl": None,
        "bio": None,
        "timeFormat": 24,
        "defaultScheduleId": 1,
        "weekStart": "Monday",
        "timeZone": host.time_zone,
        "organizationId": None,
    }


def schedule_out(host: Host) -> Json:
    days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
    return {
        "id": 1,
        "ownerId": host.id,
        "name": "Working hours",
        "timeZone": host.time_zone,
        "availability": [{"days": days, "startTime": f"{host.opens:%H:%M}", "endTime": f"{host.closes:%H:%M}"}],
        "isDefault": True,
        "overrides": [],
    }


def _seated(booking: Booking, version: str, signed_in: bool, seat: Attendee | None) -> Json:
    people = booking.people if booking.status != "cancelled" or version >= _KEEPS_SEATS else []
    if not (signed_in or booking.event_type.show_attendees):
        people = [seat] if seat else []
    listed = [
        attendee_out(person)
        | {
            "seatUid": person.seat,
            "bookingFieldsResponses": person.responses,
            "metadata": person.metadata,
        }
        for person in people
    ]
    return {"attendees": listed} | ({"seatUid": seat.seat} if seat else {})


def _place(event_type: EventType) -> Json:
    if event_type.location == ATTENDEE_PHONE:
        return {"type": "attendeePhone"}
    if event_type.location == IN_PERSON:
        return {"type": "address", "address": event_type.address, "public": True}
    return {"type": "integration", "integration": "cal-video"}


def _fields(event_type: EventType) -> list[Json]:
    default: Json = {"isDefault": True}
    fields: list[Json] = [
        default | {"type": "name", "slug": "name", "label": "Your name", "placeholder": "", "required": True},
        default | {"type": "email", "slug": "email", "label": "Email address", "placeholder": "", "required": True},
        default | {"type": "textarea", "slug": "notes", "label": "Notes", "placeholder": "", "required": False},
    ]
    for field in event_type.fields:
        fields.append(
            {
                "type": "text",
                "slug": field.slug,
                "label": field.label,
                "placeholder": "",
                "required": field.required,
                "hidden": False,
                "isDefault": False,
            }
        )
    return fields
