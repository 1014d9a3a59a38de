-- The list of bookings. Candidates come from definer functions that know who asks; what is shown of them is then read
-- under row-level security. (A policy keeps trigram indexes from being used, and a client's list must start from the
-- attendee rows: hundreds of times faster at half a million bookings.)

-- The arguments of search_bookings; `period`: upcoming | past | cancelled | all; `status`: one, or several with commas.
create type private.booking_filters as (
    q text, status text, client text, host text, event_type_id bigint, starts_from timestamptz, starts_to timestamptz,
    period text, page_cursor text, page_size integer);

-- A row of the list. A person who was removed finds it under cancelled, with title, times and status only.
create type private.found_booking as (
    id uuid, starts_at timestamptz, ends_at timestamptz, title text, status text, removed boolean);

create function private.checked_filters(f private.booking_filters) returns private.booking_filters
    language plpgsql stable set search_path = '' as $$
begin
    f.q := nullif(lower(btrim(f.q)), '');
    f.status := nullif(f.status, '');
    f.client := nullif(lower(btrim(f.client)), '');
    f.host := nullif(lower(btrim(f.host)), '');
    f.period := coalesce(nullif(f.period, ''), 'all');
    f.page_size := least(greatest(coalesce(f.page_size, 20), 1), 1000);
    if f.period not in ('upcoming', 'past', 'cancelled', 'all') then
        raise exception 'unknown period' using errcode = '22023', hint = 'upcoming, past, cancelled or all';
    end if;
    if length(f.q) > 200 then
        raise exception 'the search text is too long' using errcode = '22023', hint = '200 characters at most';
    end if;
    return f;
end $$;

-- One pattern a word, with what LIKE would read as a wildcard escaped. Null: no words.
create function private.search_patterns(p_q text) returns text[]
    language sql immutable set search_path = '' as $$
    select array_agg('%' || regexp_replace(w.word, '([\\%_])', '\\\1', 'g') || '%')
    from (select distinct x.word from regexp_split_to_table(p_q, '\s+') x (word) where x.word <> '' limit 10) w
$$;

create function private.cursor_of(p_starts_at timestamptz, p_id uuid) returns text
    language sql immutable set search_path = '' as $$
    select to_char(p_starts_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '_' || p_id
$$;

create function private.read_cursor(p_cursor text, out starts_at timestamptz, out id uuid)
    language sql immutable set search_path = '' as $$
    select split_part(p_cursor, '_', 1)::timestamptz, split_part(p_cursor, '_', 2)::uuid
$$;

-- Whether the signed-in person works here and this booking is theirs to run.
create function private.holds(p_booking_id uuid) returns boolean
    language sql stable security definer set search_path = '' as $$
    select private.is_admin() or private.is_staff() and exists (
        select 1 from private.booking_hosts h where h.booking_id = p_booking_id and h.email = private.my_email())
$$;

-- What staff hold (an admin: all), from the indexes that fit the filters.
create function private.find_held(f private.booking_filters) returns setof private.found_booking
    language plpgsql stable security definer set search_path = '' as $$
declare
    v_me constant text := private.my_email();
    v_is_admin constant boolean := private.is_admin();
    v_after constant record := private.read_cursor(f.page_cursor);
    v_direction constant text := case when f.period = 'upcoming' then 'asc' else 'desc' end;
    v_where constant text := concat_ws(' and ',
        case when not v_is_admin
            then 'b.id in (select h.booking_id from private.booking_hosts h where h.email = $2)' end,
        case f.period
            when 'upcoming' then  -- seven days: no meeting is longer, and the index on starts_at can be used
                'b.starts_at > now() - interval ''7 days'' and b.ends_at > now()
                 and b.status in (''pending'', ''awaiting_payment'', ''confirmed'')'
            when 'past' then
                'b.starts_at <= now() and b.ends_at <= now() and b.status in (''pending'', ''awaiting_payment'', ''confirmed'')'
            when 'cancelled' then 'b.status in (''cancelled'', ''rejected'')'
            else 'true' end,
        (select string_agg(format('s.words like %L', w.pattern), ' and ')
         from unnest(private.search_patterns(f.q)) w (pattern)),
        case when f.status is not null then 'b.status = any (string_to_array(($1).status, '',''))' end,
        case when f.client is not null then
            'b.id in (select a.booking_id from public.booking_attendees a where a.email = ($1).client
                      union select a.booking_id from public.booking_attendees a where a.phone = ($1).client)' end,
        case when f.host is not null
            then 'b.id in (select h.booking_id from private.booking_hosts h where h.email = ($1).host)' end,
        case when f.event_type_id is not null then 'b.event_type_id = ($1).event_type_id' end,
        case when f.starts_from is not null then 'b.starts_at >= ($1).starts_from' end,
        case when f.starts_to is not null then 'b.starts_at < ($1).starts_to' end,
        case when f.page_cursor is not null
            then format('(b.starts_at, b.id) %s ($3, $4)', case v_direction when 'asc' then '>' else '<' end) end);
begin
    if not private.is_staff() or v_me is null then
        return;
    end if;
    return query execute format(
        'select b.id, b.starts_at, b.ends_at, b.title, b.status, false from public.bookings b %s where %s
         order by b.starts_at %s, b.id %3$s limit ($1).page_size',
        case when f.q is not null then 'join private.search_texts s on s.booking_id = b.id' end, v_where, v_direction)
    using f, v_me, v_after.starts_at, v_after.id;
end $$;

-- What a field of a booking was before whatever happened to it since then.
create function private.value_before(p_booking_id uuid, p_since timestamptz, p_field text, p_now text) returns text
    language sql stable set search_path = '' as $$
    select coalesce((
        select e.changes #>> array[p_field, '0']
        from public.booking_events e
        where e.booking_id = p_booking_id and e.occurred_at >= p_since and e.changes #>> array[p_field, '0'] is not null
        order by e.occurred_at, e.id limit 1), p_now)
$$;

-- What the signed-in person attends, or once attended, from their own attendee rows. Who was removed knows title and
-- times as they were then: what became of them is not theirs to see.
create function private.find_attended(f private.booking_filters) returns setof private.found_booking
    language sql stable security definer set search_path = '' set timezone = 'UTC' as $$
    with shown as (
        select b.id, b.event_type_id, b.event_type_title, b.host_name, b.host_email, a.role = 'booker' as is_booker,
            false as removed, b.status, b.title, b.starts_at, b.ends_at
        from public.booking_attendees a join public.bookings b on b.id = a.booking_id
        where a.email = (select private.my_email()) and a.removed_at is null
        union all
        select b.id, null, null, null, null, false,
            true, case when b.status in ('cancelled', 'rejected') then b.status else 'cancelled' end,
            private.value_before(b.id, a.removed_at, 'title', b.title),
            private.value_before(b.id, a.removed_at, 'starts_at', b.starts_at::text)::timestamptz,
            private.value_before(b.id, a.removed_at, 'ends_at', b.ends_at::text)::timestamptz
        from public.booking_attendees a join public.bookings b on b.id = a.booking_id
        where a.email = (select private.my_email()) and a.removed_at is not null
    )
    select s.id, s.starts_at, s.ends_at, s.title, s.status, s.removed
    from shown s
    where case f.period
            when 'upcoming' then s.ends_at > now() and s.status not in ('cancelled', 'rejected')
            when 'past' then s.ends_at <= now() and s.status not in ('cancelled', 'rejected')
            when 'cancelled' then s.status in ('cancelled', 'rejected')
            else true end
      and (f.status is null or s.status = any (string_to_array(f.status, ',')))
      and (f.event_type_id is null or s.event_type_id = f.event_type_id)
      and (f.host is null or s.host_email = f.host)
      and (f.client is null or f.client = (select private.my_email()) or s.is_booker and exists (
            select 1 from public.booking_attendees x where x.booking_id = s.id and f.client in (x.email, x.phone)))
      and (f.starts_from is null or s.starts_at >= f.starts_from)
      and (f.starts_to is null or s.starts_at < f.starts_to)
      and (f.q is null or lower(concat_ws(' ', s.title, s.event_type_title, s.host_name, s.host_email,
                case when s.is_booker then (
                    select string_agg(concat_ws(' ', x.name, x.email), ' ')
                    from public.booking_attendees x where x.booking_id = s.id) end))
            like all (private.search_patterns(f.q)))
      and (f.page_cursor is null or case f.period
            when 'upcoming' then (s.starts_at, s.id) > (select c.starts_at, c.id from private.read_cursor(f.page_cursor) c)
            else (s.starts_at, s.id) < (select c.starts_at, c.id from private.read_cursor(f.page_cursor) c) end)
    order by case when f.period = 'upcoming' then s.starts_at end, case when f.period = 'upcoming' then s.id end,
        s.starts_at desc, s.id desc
    limit f.page_size
$$;

create function private.find_bookings(f private.booking_filters) returns setof private.found_booking
    language sql stable security definer set search_path = '' as $$
    select * from (
        select * from private.find_held(f)
        union all
        select a.* from private.find_attended(f) a where not private.holds(a.id)) x
    order by case when f.period = 'upcoming' then x.starts_at end, case when f.period = 'upcoming' then x.id end,
        x.starts_at desc, x.id desc
    limit f.page_size
$$;

create function public.search_bookings(
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
        from public.notifications m where m.booking_id = c.id
        order by m.created_at desc, m.id limit 1) message on true
    order by c.n
$$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.search_bookings(text, text, text, text, bigint, timestamptz, timestamptz, text, text,
    integer) from public, anon, service_role;
grant execute on function private.checked_filters(private.booking_filters),
    private.find_bookings(private.booking_filters), private.cursor_of(timestamptz, uuid) to authenticated;
grant execute on function public.search_bookings(text, text, text, text, bigint, timestamptz, timestamptz, text, text,
    integer) to authenticated;
comment on function public.search_bookings(text, text, text, text, bigint, timestamptz, timestamptz, text, text,
    integer) is
    'Bookings that the signed-in person sees. p_period: upcoming (soonest first) | past | cancelled | all (newest first); '
    'p_status: one, or several with commas; p_client: address or number; the next page begins after p_page_cursor.';
