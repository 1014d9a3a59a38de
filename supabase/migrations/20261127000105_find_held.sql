-- The list of bookings, by more filters: the state of the last message, and when it was booked. One implementation for the
-- list, its count, a frozen list of ids, exports and feeds.

alter type private.booking_filters add attribute message text, add attribute created_from timestamptz,
    add attribute created_to timestamptz;

create or replace function private.checked_filters(f private.booking_filters) returns private.booking_filters
    language plpgsql stable set search_path = '' as $$
begin
    f.q := nullif(lower(btrim(f.q)), '');
    f.status := nullif(f.status, '');
    f.client := nullif(lower(btrim(f.client)), '');
    f.host := nullif(lower(btrim(f.host)), '');
    f.message := nullif(f.message, '');
    f.period := coalesce(nullif(f.period, ''), 'all');
    f.page_size := least(greatest(coalesce(f.page_size, 20), 1), 1000);
    if f.period not in ('upcoming', 'past', 'cancelled', 'all') then
        raise exception 'unknown period' using errcode = '22023', hint = 'upcoming, past, cancelled or all';
    end if;
    if length(f.q) > 200 then
        raise exception 'the search text is too long' using errcode = '22023', hint = '200 characters at most';
    end if;
    if not string_to_array(f.message, ',')
           <@ '{planned,sending,unknown,failed,sent,delivered,bounced,complained,skipped}'::text[] then
        raise exception 'unknown state of a message' using errcode = '22023', hint = 'those of notifications, with commas';
    end if;
    return f;
end $$;

-- What may be asked of a list, as JSON; other words are refused.
create or replace function private.filters_of(p_filters jsonb) returns private.booking_filters
    language plpgsql stable set search_path = '' as $$
declare
    c_names constant text[] := '{q,status,client,host,event_type_id,starts_from,starts_to,period,message,created_from,created_to}';
begin
    if jsonb_typeof(coalesce(p_filters, '{}')) <> 'object' or exists (
        select 1 from jsonb_object_keys(coalesce(p_filters, '{}')) k (key) where k.key <> all (c_names)) then
        raise exception 'unknown filter' using errcode = '22023', hint = array_to_string(c_names, ', ');
    end if;
    return private.checked_filters(jsonb_populate_record(null::private.booking_filters, jsonb_strip_nulls(coalesce(p_filters, '{}'))));
end $$;

-- The query for what staff hold (an admin: all), with the filters as $1. It is led by the table whose index has the order
-- and the rarest of what is asked for; where several states are asked for, each is read from its own part of the index.
create function private.held_query(f private.booking_filters, p_in_order boolean) returns text
    language plpgsql stable set search_path = '' as $$
declare
    c_open constant text[] := '{pending,awaiting_payment,confirmed}';
    v_me constant text := private.my_email();
    v_is_admin constant boolean := private.is_admin();
    v_after constant record := private.read_cursor(f.page_cursor);
    v_holder constant text := case when v_is_admin then f.host else v_me end;
    v_statuses constant text[] := (
        select array_agg(s.status) from unnest(coalesce(string_to_array(f.status, ','), c_open || '{cancelled,rejected}'::text[])) s (status)
        where case f.period when 'all' then true when 'cancelled' then s.status <> all (c_open) else s.status = any (c_open) end);
    v_lead constant text := case when f.message is not null then 'm' when v_holder is not null then 'h' else 'b' end;
    v_each constant text[] := case
        when v_lead = 'm' then string_to_array(f.message, ',')
        when v_lead = 'b' and f.q is null and f.client is null and (f.status is not null or f.period = 'cancelled')
            then coalesce(v_statuses, '{}') end;
    v_id constant text := v_lead || case v_lead when 'b' then '.id' else '.booking_id' end;
    v_direction constant text := case f.period when 'upcoming' then 'asc' else 'desc' end;
    v_from constant text := concat_ws(' ', 'public.bookings b',
        case when v_holder is not null then 'join private.booking_hosts h on h.booking_id = b.id' end,
        case when f.message is not null then 'join private.listed_messages m on m.booking_id = b.id' end,
        case when f.q is not null then 'join private.search_texts s on s.booking_id = b.id' end);
    v_where constant text := concat_ws(' and ', 'true',
        case when v_holder is not null then format('h.email = %L', v_holder) end,
        case when f.host <> v_holder then
            'exists (select 1 from private.booking_hosts o where o.booking_id = b.id and o.email = ($1).host)' end,
        case when f.message is not null then  -- of two at one instant the smaller id, as in the list
            'm.status = e.one and not exists (
                select 1 from private.listed_messages l
                where l.booking_id = m.booking_id and (l.at, m.notification_id) > (m.at, l.notification_id))' end,
        case f.period
            when 'upcoming' then  -- seven days: no meeting is longer, and an index on starts_at can be used
                v_lead || '.starts_at > now() - interval ''7 days'' and b.ends_at > now()'
            when 'past' then v_lead || '.starts_at <= now() and b.ends_at <= now()' end,
        case
            when v_each is not null and v_lead = 'b' then 'b.status = e.one'
            when f.status is not null or f.period <> 'all' then format('b.status = any (%L)', coalesce(v_statuses, '{}')) end,
        (select string_agg(format('s.words like %L', w.pattern), ' and ')
         from unnest(private.search_patterns(f.q)) w (pattern)),
        case when f.client is not null then
            'b.id in (select a.booking_id from public.booking_attendees a where a.email = ($1).client
                      union select a.booking_id from public.booking_attendees a where a.phone = ($1).client)' end,
        case when f.event_type_id is not null then
            case v_lead when 'h' then 'h' else 'b' end || '.event_type_id = ($1).event_type_id' end,
        case when f.starts_from is not null then v_lead || '.starts_at >= ($1).starts_from' end,
        case when f.starts_to is not null then v_lead || '.starts_at < ($1).starts_to' end,
        case when f.created_from is not null then 'b.created_at >= ($1).created_from' end,
        case when f.created_to is not null then 'b.created_at < ($1).created_to' end,
        case when f.page_cursor is not null then format('(%s.starts_at, %s) %s (%L, %L)',
            v_lead, v_id, case v_direction when 'asc' then '>' else '<' end, v_after.starts_at, v_after.id) end);
    v_query text := format('select b.id, b.starts_at, b.ends_at, b.title, b.status, false from %s where %s', v_from, v_where)
        || case when p_in_order then format(' order by %s.starts_at %s, %s %2$s', v_lead, v_direction, v_id) else '' end
        || ' limit ($1).page_size';
begin
    return case when v_each is null then v_query
        else format('select x.* from unnest(%L::text[]) e (one) cross join lateral (%s) x (id, starts_at, ends_at, title, status, removed)',
                v_each, v_query)
            || case when p_in_order then format(' order by x.starts_at %s, x.id %1$s', v_direction) else '' end
            || ' limit ($1).page_size' end;
end $$;

create or replace function private.find_held(f private.booking_filters) returns setof private.found_booking
    language plpgsql stable security definer set search_path = '' rows 20 as $$
begin
    if private.is_staff() then
        return query execute private.held_query(f, true) using f;
    end if;
end $$;

create function private.count_held(f private.booking_filters) returns bigint
    language plpgsql stable security definer set search_path = '' as $$
declare
    v_count bigint := 0;
begin
    if private.is_staff() then
        execute format('select count(*) from (%s) x', private.held_query(f, false)) into v_count using f;
    end if;
    return v_count;
end $$;

revoke execute on all functions in schema private from public, anon;
