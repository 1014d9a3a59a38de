"""Bookings by the thousand, written straight into the tables: through webhooks they would take half an hour."""

from __future__ import annotations

from typing import LiteralString

from tests.conftest import Connection

# All of one host and one event type, confirmed, the first a minute past the hour, each a minute after the one before.
_BOOKINGS: LiteralString = """
    with numbers as materialized (
        select n, gen_random_uuid() as id, date_trunc('hour', now()) + %(after)s + n * interval '1 minute' as starts_at
        from generate_series(1, %(count)s) n),
    bookings as (
        insert into public.bookings (id, ical_uid, status, title, event_type_id, event_type_slug, event_type_title,
            starts_at, ends_at, location, meeting_url, host_name, host_email, host_time_zone)
        select n.id, 'many' || n.n || '@Cal.com', 'confirmed', 'Consultation between Host and Client ' || n.n, 101,
            'consultation', 'Consultation', n.starts_at, n.starts_at + interval '30 minutes', 'integrations:daily',
            'https://video.example.com/' || n.n, 'Holly Host', 'host@example.com', 'Europe/Berlin'
        from numbers n),
    hosts as (
        insert into private.booking_hosts (booking_id, email, starts_at, ends_at, status, event_type_id)
        select n.id, 'host@example.com', n.starts_at, n.starts_at + interval '30 minutes', 'confirmed', 101
        from numbers n),
    people as (
        insert into public.booking_attendees (booking_id, email, name, role)
        select n.id, 'client' || n.n || '@example.com', 'Client ' || n.n, 'booker' from numbers n
        returning id, booking_id, email),
    messages as (
        insert into public.notifications (booking_id, attendee_id, channel, kind, recipient, ical_uid, starts_at,
            revision, time_zone, locale, status, sent_at)
        select p.booking_id, p.id, 'email', 'confirmation', p.email, 'x', now(), 0, 'Europe/Berlin', 'en', 'sent', now()
        from people p
        returning id, booking_id, status, created_at)
    insert into private.listed_messages (notification_id, booking_id, starts_at, status, at)
    select m.id, m.booking_id, n.starts_at, m.status, m.created_at from messages m join numbers n on n.id = m.booking_id
"""


def insert(db: Connection, count: int, after: str = "0 minutes") -> None:
    """That many bookings to come, each a minute after the one before, with booker, host and a sent message.

    The titles say `Client 1` to `Client <count>`. `after`: how far from now the first is, as an interval.
    """
    with db.transaction():
        # As a replica: foreign keys need no checking, and nothing is planned.
        db.execute("set local session_replication_role = replica")
        db.execute(_BOOKINGS, {"count": count, "after": after})
    db.execute(
        "analyze public.bookings, public.booking_attendees, public.notifications, private.booking_hosts,"
        " private.listed_messages"
    )
