-- The last message of a booking, in the list and in exports: a reminder counts once it has left, not while it is planned.

create or replace function public.search_bookings(
    p_q text default null, p_status text default null, p_client text default null, p_host text default null,
    p_event_type_id bigint default null, p_starts_from timestamptz default null, p_starts_to timestamptz default null,
    p_period text default 'all', p_page_cursor text default null, p_page_size integer default 20)
    returns table (
        id uuid, status text, reschedule_requested boolean, title text, starts_at timestamptz, ends_at timestamptz,
        event_type_id bigint, event_type_slug text, event_type_title text, location text, meeting_url text,
        host_name text, host_email text, host_time_zone text, seats integer, series_id uuid, ical_uid text,
        revision integer, cancellation_reason text, cancelled_by text, removed boolean, attendees jsonb,
        last_message jsonb, "cursor" text)
    language sql stable security invoker set search_path = '' as $$
    select c.id, c.status, b.reschedule_requested, c.title, c.starts_at, c.ends_at,
        b.event_type_id, b.event_type_slug, b.event_type_title, b.location, b.meeting_url,
        b.host_name, b.host_email, b.host_time_zone, b.seats, b.series_id, b.ical_uid,
        b.revision, b.cancellation_reason, b.cancelled_by, c.removed,
        coalesce(people.list, '[]'), message.last, private.cursor_of(c.starts_at, c.id)
    from private.find_bookings(private.checked_filters(row(
        p_q, p_status, p_client, p_host, p_event_type_id, p_starts_from, p_starts_to, p_period, p_page_cursor,
        p_page_size)::private.booking_filters)) with ordinality c (id, starts_at, ends_at, title, status, removed, n)
    left join public.bookings b on b.id = c.id and not c.removed
    left join lateral (
        select jsonb_agg(jsonb_build_object('id', a.id, 'name', a.name, 'email', a.email, 'phone', a.phone,
            'role', a.role, 'absent', a.absent, 'removed_at', a.removed_at) order by a.role, a.name, a.id) as list
        from public.booking_attendees a where a.booking_id = c.id) people on true
    left join lateral (
        select jsonb_build_object('id', m.id, 'channel', m.channel, 'kind', m.kind, 'status', m.status,
            'reason', m.reason, 'at', coalesce(m.sent_at, m.due_at)) as last
        from public.notifications m where m.booking_id = c.id and (m.kind <> 'reminder' or m.sent_at is not null)
        order by case m.kind when 'reminder' then m.sent_at else m.created_at end desc, m.id limit 1) message on true
    order by c.n
$$;

create or replace function public.export_page(
    p_filters jsonb, p_booking_ids uuid[] default null, p_cursor text default null, p_time_zone text default null,
    p_page_size integer default 2000) returns json
    language sql stable security invoker set search_path = '' as $$
    -- There may be 200,000 rows, so what each of them costs counts: times are written right here, since a function of
    -- ours would be called for every one, and the answer is json, which is not put together twice as jsonb is.
    with candidates as materialized (
        select c.*, row_number() over () as n
        from private.export_candidates(p_filters, p_booking_ids, p_cursor, least(p_page_size, 5000)) c
    ),
    rows as (
        select c.n, array[c.id::text, c.status, c.title, b.event_type_title,
            to_char(c.starts_at at time zone 'UTC', f.utc), to_char(c.ends_at at time zone 'UTC', f.utc),
            to_char(c.starts_at at time zone z.name, f.local), to_char(c.ends_at at time zone z.name, f.local), z.name,
            b.host_name, b.host_email, p.booker ->> 0, p.booker ->> 1, p.booker ->> 2, p.everybody,
            b.location, b.meeting_url, b.series_id::text, b.cancellation_reason, b.cancelled_by, m.last,
            to_char(b.created_at at time zone 'UTC', f.utc), to_char(b.updated_at at time zone 'UTC', f.utc)] as cells
        from candidates c
        cross join (values ('YYYY-MM-DD"T"HH24:MI:SS"Z"', 'YYYY-MM-DD HH24:MI')) f (utc, local)
        left join public.bookings b on b.id = c.id and not c.removed
        cross join lateral (select coalesce(p_time_zone, b.host_time_zone, 'UTC') as name) z
        left join lateral (
            select (array_agg(json_build_array(a.name, a.email, a.phone) order by a.role, a.id)
                    filter (where a.role <> 'guest'))[1] as booker,  -- a guest who asks does not become it
                string_agg(concat_ws(' ', a.name, '<' || coalesce(a.email, a.phone) || '>'), '; ' order by a.role, a.id) as everybody
            from public.booking_attendees a where a.booking_id = b.id and a.removed_at is null) p on true
        left join lateral (
            select concat_ws(' ', n.channel, n.kind, n.status) as last
            from public.notifications n where n.booking_id = b.id and (n.kind <> 'reminder' or n.sent_at is not null)
            order by case n.kind when 'reminder' then n.sent_at else n.created_at end desc, n.id limit 1) m on true
    )
    select json_build_object(
        'rows', coalesce((select json_agg(r.cells order by r.n) from rows r), '[]'),
        'cursor', case when p_booking_ids is null and count(*) = least(p_page_size, 5000)
            then (array_agg(private.cursor_of(c.starts_at, c.id) order by c.n desc))[1] end)
    from candidates c
$$;
