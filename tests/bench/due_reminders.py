"""Reminders by the ten thousand, due now, written straight into the tables."""

from __future__ import annotations

from typing import LiteralString

from tests.conftest import Connection

_DUE: LiteralString = """
    with numbers as materialized (
        select n, gen_random_uuid() as id, date_trunc('minute', now()) + interval '55 minutes' as starts_at
        from generate_series(1, %(count)s) n),
    bookings as (
        insert into public.bookings (id, ical_uid, status, title, event_type_id, event_type_slug, event_type_title,
            starts_at, ends_at, location, meeting_url, host_name, host_email, host_time_zone)
        select n.id, 'due' || n.id || '@Cal.com', 'confirmed', 'Consultation between Host and Client ' || n.n, 101,
            'consultation', 'Consultation', n.starts_at, n.starts_at + interval '30 minutes', 'integrations:daily',
            'https://video.example.com/' || n.n, 'Holly Host', 'host@example.com', 'Europe/Berlin'
        from numbers n returning id, ical_uid, starts_at),
    details as (
        insert into private.booking_details (booking_id, host_email) select n.id, 'host@example.com' from numbers n),
    hosts as (
        insert into private.booking_hosts (booking_id, email, starts_at, ends_at, status, event_type_id)
        select n.id, 'host@example.com', n.starts_at, n.starts_at + interval '30 minutes', 'confirmed', 101
        from numbers n),
    people as (
        insert into public.booking_attendees (booking_id, email, name, role, time_zone, locale)
        select n.id, 'client' || n.n || '@example.com', 'Client ' || n.n, 'booker',
            (array['Europe/Berlin', 'Europe/London', 'America/New_York'])[1 + n.n %% 3],
            (array['en', 'de', 'fr', 'es'])[1 + n.n %% 4]
        from numbers n returning id, booking_id, email, time_zone, locale),
    reminders as (
        insert into public.notifications (booking_id, attendee_id, channel, kind, recipient, lead_minutes, ical_uid,
            starts_at, revision, due_at, time_zone, locale)
        select b.id, p.id, 'email', 'reminder', p.email, 60, b.ical_uid, b.starts_at, 0,
            b.starts_at - interval '60 minutes', p.time_zone, p.locale
        from people p join bookings b on b.id = p.booking_id
        returning id, due_at)
    insert into private.outbox (notification_id, channel, priority, try_at, target, wanted_since)
    select r.id, 'email', 3, r.due_at, '{}', now() - interval '2 days' from reminders r
"""


def insert(db: Connection, count: int) -> None:
    """That many bookings in 55 minutes, each of one person whose reminder of one hour is due."""
    with db.transaction():
        # As a replica: foreign keys need no checking, and nothing is planned.
        db.execute("set local session_replication_role = replica")
        db.execute(_DUE, {"count": count})
    db.execute(
        "vacuum analyze public.bookings, public.booking_attendees, public.notifications, private.outbox,"
        " private.booking_hosts, private.booking_details"
    )
