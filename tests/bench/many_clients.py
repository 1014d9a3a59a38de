"""A team's years of bookings, straight into the tables of a fresh database: a million of 50,000 clients in minutes.

Half past, half to come; forty hosts, one of whom holds 6 %; thirty event types; names that repeat as names do; each
booking's messages and how they fared. Everything is in proportion, whatever the count, so that sizes can be compared.
"""

from __future__ import annotations

from typing import LiteralString

from psycopg import ClientCursor

from tests.conftest import Connection

BOOKINGS_A_CLIENT = 20
BIG_HOST = "host0@example.com"
_BATCH = 50_000

_SEEDS: LiteralString = """
    create temp table seeds as
    with people as (
        select c, f.name || ' ' || l.stem || e.ending as name, 'client' || c || '@example.com' as email,
            case when c %% 3 = 0 then '+49151' || lpad(c::text, 8, '0') end as phone
        from generate_series(0, %(clients)s - 1) c
        join unnest('{Anna,Ben,Clara,David,Elena,Felix,Greta,Hugo,Ines,Jonas,Karla,Luis,Maria,Nils,Olga,Paul,Rita,Simon,
            Tara,Urs,Vera,Willi,Xenia,Yusuf,Zoe,Aylin,Bruno,Carmen,Diego,Esra,Fabian,Gina,Hanna,Ivan,Julia,Kemal,Lena,
            Marco,Nadia,Oskar,Petra,Ramon,Sara,Timo,Ulla,Viktor,Wanda,Yara,Zeno,Amir,Bianca,Cem,Dora,Emil,Frida,Georg,
            Heidi,Isa,Jan,Kim}'::text[]) with ordinality f (name, n) on f.n = 1 + c %% 60
        join unnest('{Schnei,Hoff,Berg,Linden,Stein,Wein,Roth,Gold,Silber,Kaiser,Winter,Sommer,Fisch,Müll,Kra,Vog,Brau,
            Zimmer,Hart,Lang,Kurz,Neu,Alten,Ober,Nieder,Wald,Feld,Bach,See,Sand,Eich,Busch,Dorn,Ess,Fels,Grab,Haus,Kamp,
            Loh,Mohr}'::text[]) with ordinality l (stem, n) on l.n = 1 + c / 60 %% 40
        join unnest('{er,mann,stein,berg,feld,bach,dorf,haus,meier,hofer,wald,thal,brunn,auer,inger,eder,ler,ski,sen,
            son,vic,ova,ez,aro,ini}'::text[]) with ordinality e (ending, n) on e.n = 1 + c / 2400 %% 25
    ), numbers as (
        select n, gen_random_uuid() as id, gen_random_uuid() as booker_id,
            floor(%(clients)s * power(random(), 1.3))::integer as c,
            case when random() < 0.06 then 0 else 1 + floor(39 * random())::integer end as host,
            1 + floor(30 * random())::integer as event_type,
            date_trunc('hour', now()) + floor((random() - 0.5) * 4 * 365 * 24 * 4) * interval '15 minutes' as starts_at,
            random() as fate, random() as post
        from generate_series(1, %(count)s) n
    )
    select n.*, n.starts_at < now() as is_past, p.name, p.email, p.phone,
        least(n.starts_at, now()) - random() * interval '60 days' as booked_at,
        case when n.fate < 0.84 then 'confirmed' when n.fate < 0.95 then 'cancelled' when n.fate < 0.96 then 'rejected'
            when n.fate < 0.99 then 'pending' else 'awaiting_payment' end as status
    from numbers n join people p on p.c = n.c
"""

# The order is that of the foreign keys, which a replica does not check.
_ROWS: tuple[LiteralString, ...] = (
    """
    insert into public.bookings (id, ical_uid, status, title, event_type_id, event_type_slug, event_type_title,
        starts_at, ends_at, location, meeting_url, host_name, host_email, host_time_zone, cancelled_by,
        created_at, updated_at)
    select s.id, 'many' || s.n || '@Cal.com', s.status,
        'Event ' || s.event_type || ' between Host ' || s.host || ' and ' || s.name,
        s.event_type, 'event-' || s.event_type, 'Event ' || s.event_type,
        s.starts_at, s.starts_at + interval '30 minutes', 'integrations:daily', 'https://video.example.com/' || s.n,
        'Host ' || s.host, 'host' || s.host || '@example.com', 'Europe/Berlin',
        case when s.status = 'cancelled' then 'client' end, s.booked_at, s.booked_at
    from seeds s
    """,
    """
    insert into private.booking_details (booking_id, host_email)
    select s.id, 'host' || s.host || '@example.com' from seeds s
    """,
    """
    insert into private.booking_hosts (booking_id, email, starts_at, ends_at, status, event_type_id)
    select s.id, 'host' || x.host || '@example.com', s.starts_at, s.starts_at + interval '30 minutes', s.status,
        s.event_type
    from seeds s
    cross join lateral (select s.host union all select (s.host + 1) % 40 where s.n % 20 = 0) x (host)
    """,
    """
    insert into public.booking_attendees (id, booking_id, email, name, phone, role, time_zone, locale)
    select s.booker_id, s.id, s.email, s.name, s.phone, 'booker', 'Europe/Berlin', 'de' from seeds s
    union all
    select gen_random_uuid(), s.id, 'guest' || s.c || '@example.com', 'Guest of ' || s.name, null, 'guest', null, null
    from seeds s where s.n % 10 = 0
    """,
    """
    with messages as (
        select s.*, m.kind, m.at, m.lead,
            case
                when m.at > now() then 'planned'
                when m.kind = 'reminder' and s.post < 0.97 or s.post < 0.94 then 'delivered'
                when s.post < 0.97 then 'sent'
                when s.post < 0.985 then 'bounced'
                when s.post < 0.99 then 'complained'
                when m.kind = 'reminder' or s.post < 0.995 then 'failed'
                else 'skipped' end as state
        from seeds s cross join lateral (
            select 'confirmation' as kind, s.booked_at as at, null::integer as lead
            where s.status in ('confirmed', 'cancelled')
            union all select 'requested', s.booked_at, null where s.status in ('pending', 'rejected')
            union all select s.status, s.booked_at + interval '1 hour', null where s.status in ('cancelled', 'rejected')
            union all select 'reminder', s.starts_at - interval '1 day', 1440 where s.status = 'confirmed') m
    )
    insert into public.notifications (booking_id, attendee_id, channel, kind, recipient, lead_minutes, ical_uid,
        starts_at, revision, due_at, time_zone, locale, status, reason, sent_at, created_at)
    select m.id, m.booker_id, 'email', m.kind, m.email, m.lead, 'many' || m.n || '@Cal.com', m.starts_at, 0, m.at,
        'Europe/Berlin', 'de', m.state, case m.state when 'skipped' then 'suppressed' end,
        case when m.state not in ('planned', 'failed', 'skipped') then m.at end,
        case when m.lead is null then m.at else m.booked_at end
    from messages m
    """,
    """
    insert into private.listed_messages (notification_id, booking_id, starts_at, status, at)
    select n.id, n.booking_id, n.starts_at, n.status,
        case n.kind when 'reminder' then n.sent_at else n.created_at end
    from public.notifications n where n.kind <> 'reminder' or n.sent_at is not null
    """,
)
TABLES = (
    *("public.bookings", "private.booking_details", "private.booking_hosts", "public.booking_attendees"),
    *("public.notifications", "private.listed_messages", "private.search_texts"),
)


def insert(db: Connection, count: int) -> None:
    """That many bookings, of a twentieth as many clients. The tables must be empty."""
    with db.transaction():
        db.execute("select setseed(0.5)")
        # As a replica: foreign keys need no checking, and nothing is planned. An index is faster built than fed.
        db.execute("set local session_replication_role = replica")
        db.execute("set local maintenance_work_mem = '512MB'")
        db.execute("set local max_parallel_maintenance_workers = 0")
        definitions = _drop_indexes(db)
        ClientCursor(db).execute(_SEEDS, {"count": count, "clients": max(count // BOOKINGS_A_CLIENT, 1)})
        for rows in _ROWS:
            db.execute(rows)
        for start in range(1, count + 1, _BATCH):
            db.execute(
                "select private.refresh_search_texts(array_agg(s.id)) from seeds s where s.n >= %s and s.n < %s",
                (start, start + _BATCH),
            )
        for definition in definitions:
            db.execute(definition.encode())
        db.execute("drop table seeds")
    db.execute(f"vacuum analyze {', '.join(TABLES)}".encode())


def _drop_indexes(db: Connection) -> list[str]:
    """Those that guard nothing. → how to make them again"""
    found = db.execute(
        "select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index i"
        " where i.indrelid = any (%s::regclass[]) and not i.indisunique",
        (list(TABLES),),
    ).fetchall()
    for name, _ in found:
        db.execute(f"drop index {name}".encode())
    return [definition for _, definition in found]
