-- The list itself, for whoever asks: search_bookings by arguments, find_bookings by filters as JSON.

-- What the signed-in person attends, or once attended, from their own attendee rows. Who was removed knows title and
-- times as they were then: what became of them is not theirs to see. The last message is the last of those to them.
create or replace function private.find_attended(f private.booking_filters) returns setof private.found_booking
    language plpgsql stable security definer set search_path = '' set timezone = 'UTC' rows 20 as $$
declare
    v_me constant text := private.my_email();
    v_statuses constant text[] := string_to_array(f.status, ',');
    v_messages constant text[] := string_to_array(f.message, ',');
    v_patterns constant text[] := private.search_patterns(f.q);
    v_after constant record := private.read_cursor(f.page_cursor);
begin
    return query with shown as (
        select b.id, a.id as attendee_id, b.created_at, b.event_type_id, b.event_type_title, b.host_name, b.host_email,
            a.role = 'booker' as is_booker, false as removed, b.status, b.title, b.starts_at, b.ends_at
        from public.booking_attendees a join public.bookings b on b.id = a.booking_id
        where a.email = v_me and a.removed_at is null
        union all
        select b.id, a.id, b.created_at, null, null, null, null,
            false, true, case when b.status in ('cancelled', 'rejected') then b.status else 'cancelled' end,
            private.value_before(b.id, a.removed_at, 'title', b.title),
            private.value_before(b.id, a.removed_at, 'starts_at', b.starts_at::text)::timestamptz,
            private.value_before(b.id, a.removed_at, 'ends_at', b.ends_at::text)::timestamptz
        from public.booking_attendees a join public.bookings b on b.id = a.booking_id
        where a.email = v_me and a.removed_at is not null
    )
    select s.id, s.starts_at, s.ends_at, s.title, s.status, s.removed
    from shown s
    where case f.period
            when 'upcoming' then s.ends_at > now() and s.status not in ('cancelled', 'rejected')
            when 'past' then s.ends_at <= now() and s.status not in ('cancelled', 'rejected')
            when 'cancelled' then s.status in ('cancelled', 'rejected')
            else true end
      and (f.status is null or s.status = any (v_statuses))
      and (f.event_type_id is null or s.event_type_id = f.event_type_id)
      and (f.host is null or s.host_email = f.host)
      and (f.client is null or f.client = v_me or s.is_booker and exists (
            select 1 from public.booking_attendees x where x.booking_id = s.id and f.client in (x.email, x.phone)))
      and (f.starts_from is null or s.starts_at >= f.starts_from)
      and (f.starts_to is null or s.starts_at < f.starts_to)
      and (f.created_from is null or s.created_at >= f.created_from)
      and (f.created_to is null or s.created_at < f.created_to)
      and (f.message is null or (
            select m.status from private.listed_messages m join public.notifications n on n.id = m.notification_id
            where m.booking_id = s.id and n.attendee_id = s.attendee_id
            order by m.at desc, m.notification_id limit 1) = any (v_messages))
      and (f.q is null or lower(concat_ws(' ', s.title, s.event_type_title, s.host_name, s.host_email,
                case when s.is_booker then (
                    select string_agg(concat_ws(' ', x.name, x.email), ' ')
                    from public.booking_attendees x where x.booking_id = s.id) end))
            like all (v_patterns))
      and (f.page_cursor is null or case f.period
            when 'upcoming' then (s.starts_at, s.id) > (v_after.starts_at, v_after.id)
            else (s.starts_at, s.id) < (v_after.starts_at, v_after.id) end)
    order by case when f.period = 'upcoming' then s.starts_at end, case when f.period = 'upcoming' then s.id end,
        s.starts_at desc, s.id desc
    limit f.page_size;
end $$;

create or replace function private.find_bookings(f private.booking_filters) returns setof private.found_booking
    language plpgsql stable security definer set search_path = '' rows 20 as $$
begin
    if not private.is_staff() then
        return query select * from private.find_attended(f);
        return;
    end if;
    return query select * from (
        select * from private.find_held(f)
        union all
        select a.* from private.find_attended(f) a where not private.holds(a.id)) x
    order by case when f.period = 'upcoming' then x.starts_at end, case when f.period = 'upcoming' then x.id end,
        x.starts_at desc, x.id desc
    limit f.page_size;
end $$;

create function public.find_bookings(p_filters jsonb default '{}')
    returns table (
        id uuid, status text, reschedule_requested boolean, title text, starts_at timestamptz, ends_at timestamptz,
        event_type_id bigint, event_type_slug text, event_type_title text, location text, meeting_url text,
        host_name text, host_email text, host_time_zone text, seats integer, series_id uuid, ical_uid text,
        revision integer, cancellation_reason text, cancelled_by text, removed boolean, attendees jsonb,
        last_message jsonb, "cursor" text)
    language plpgsql stable security invoker set search_path = '' as $$
#variable_conflict use_column
declare
    f private.booking_filters := private.filters_of(p_filters - '{page_cursor,page_size}'::text[]);
begin
    f.page_cursor := p_filters ->> 'page_cursor';
    f.page_size := least(greatest(coalesce((p_filters ->> 'page_size')::integer, 20), 1), 1000);
    return query select c.id, c.status, b.reschedule_requested, c.title, c.starts_at, c.ends_at,
        b.event_type_id, b.event_type_slug, b.event_type_title, b.location, b.meeting_url,
        b.host_name, b.host_email, b.host_time_zone, b.seats, b.series_id, b.ical_uid,
        b.revision, b.cancellation_reason, b.cancelled_by, c.removed,
        coalesce(people.list, '[]'), message.last, private.cursor_of(c.starts_at, c.id)
    from private.find_bookings(f) with ordinality c (id, starts_at, ends_at, title, status, removed, n)
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
    order by c.n;
end $$;

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
    language plpgsql stable security invoker set search_path = '' as $$
begin
    return query select * from public.find_bookings(jsonb_build_object(
        'q', p_q, 'status', p_status, 'client', p_client, 'host', p_host, 'event_type_id', p_event_type_id,
        'starts_from', p_starts_from, 'starts_to', p_starts_to, 'period', p_period, 'page_cursor', p_page_cursor,
        'page_size', p_page_size));
end $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.find_bookings(jsonb) from public, anon, service_role;
grant execute on function public.find_bookings(jsonb) to authenticated;
comment on function public.find_bookings(jsonb) is
    'Bookings that the signed-in person sees, as search_bookings, by {"q", "status", "client", "host", "event_type_id", '
    '"starts_from", "starts_to", "period", "page_cursor", "page_size"} and "message" (state of the last message, several '
    'with commas), "created_from", "created_to" (when it was booked).';
