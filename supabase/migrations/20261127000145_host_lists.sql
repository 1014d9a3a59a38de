-- Found by measuring a million bookings: what a host's list is chosen by stands beside its order, too, and meetings that
-- are running are found without reading a week of those that are over.

alter table private.booking_hosts add column ends_at timestamptz, add column status text;
update private.booking_hosts h set ends_at = b.ends_at, status = b.status from public.bookings b where b.id = h.booking_id;
alter table private.booking_hosts alter column ends_at set not null, alter column status set not null;
drop index private.booking_hosts_list;
create index booking_hosts_list on private.booking_hosts (email, starts_at, booking_id) include (ends_at, status);

create or replace function private.list_host() returns trigger
    language plpgsql set search_path = '' as $$
begin
    select b.starts_at, b.ends_at, b.status, b.event_type_id
    into new.starts_at, new.ends_at, new.status, new.event_type_id
    from public.bookings b where b.id = new.booking_id;
    return new;
end $$;

create or replace function private.list_booking_anew() returns trigger
    language plpgsql set search_path = '' as $$
begin
    update private.booking_hosts h
    set starts_at = new.starts_at, ends_at = new.ends_at, status = new.status, event_type_id = new.event_type_id
    where h.booking_id = new.id;
    if new.starts_at <> old.starts_at then
        update private.listed_messages m set starts_at = new.starts_at where m.booking_id = new.id;
    end if;
    return null;
end $$;
drop trigger bookings_listed_anew on public.bookings;
create trigger bookings_listed_anew after update of starts_at, ends_at, status, event_type_id on public.bookings
    for each row when ((old.starts_at, old.ends_at, old.status, old.event_type_id)
        is distinct from (new.starts_at, new.ends_at, new.status, new.event_type_id))
    execute function private.list_booking_anew();

drop index public.bookings_starts_at;
create index bookings_starts_at on public.bookings (starts_at, id) include (ends_at, status);

-- Few meetings are longer than an hour, and none longer than seven days.
create index bookings_long on public.bookings (starts_at) include (ends_at) where ends_at - starts_at > interval '1 hour';

-- No meeting that began before is still running.
create function private.first_running() returns timestamptz
    language plpgsql stable set search_path = '' as $$
begin
    return least(now() - interval '1 hour', (
        select b.starts_at from public.bookings b
        where b.ends_at - b.starts_at > interval '1 hour' and b.ends_at > now()
          and b.starts_at > now() - interval '7 days' and b.starts_at <= now()
        order by b.starts_at limit 1));
end $$;

-- The query for what staff hold (an admin: all), with the filters as $1. It is led by the table whose index has the order
-- and the rarest of what is asked for; where several states are asked for, each is read from its own part of the index.
create function private.held_query(f private.booking_filters) returns text
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
    v_seen constant text := case v_lead when 'h' then 'h' else 'b' end;  -- whose status and end are at hand
    v_id constant text := v_lead || case v_lead when 'b' then '.id' else '.booking_id' end;
    v_direction constant text := case f.period when 'upcoming' then 'asc' else 'desc' end;
    v_from constant text := concat_ws(' ',
        case  -- left: what asks nothing of b, a count, then does not read it
            when v_holder is not null then 'private.booking_hosts h left join public.bookings b on b.id = h.booking_id'
            else 'public.bookings b' end,
        case when f.message is not null then 'join private.listed_messages m on m.booking_id = b.id' end,
        case when f.q is not null then 'join private.search_texts s on s.booking_id = ' || v_id end);
    v_where constant text := concat_ws(' and ', 'true',
        case when v_holder is not null then format('h.email = %L', v_holder) end,
        case when f.host <> v_holder then
            'exists (select 1 from private.booking_hosts o where o.booking_id = b.id and o.email = ($1).host)' end,
        case when f.message is not null then  -- of two at one instant the smaller id, as in the list
            'm.status = e.one and not exists (
                select 1 from private.listed_messages l
                where l.booking_id = m.booking_id and (l.at, m.notification_id) > (m.at, l.notification_id))' end,
        case f.period
            when 'upcoming' then format('%s.starts_at >= %L and %s.ends_at > now()', v_lead, private.first_running(), v_seen)
            when 'past' then format('%s.starts_at <= now() and %s.ends_at <= now()', v_lead, v_seen) end,
        case
            when v_each is not null and v_lead = 'b' then 'b.status = e.one'
            when f.status is not null or f.period <> 'all' then format('%s.status = any (%L)', v_seen, coalesce(v_statuses, '{}')) end,
        private.search_condition(f.q),
        case when f.client is not null then
            'b.id in (select a.booking_id from public.booking_attendees a where a.email = ($1).client
                      union select a.booking_id from public.booking_attendees a where a.phone = ($1).client)' end,
        case when f.event_type_id is not null then
            v_seen || '.event_type_id = ($1).event_type_id' end,
        case when f.starts_from is not null then v_lead || '.starts_at >= ($1).starts_from' end,
        case when f.starts_to is not null then v_lead || '.starts_at < ($1).starts_to' end,
        case when f.created_from is not null then 'b.created_at >= ($1).created_from' end,
        case when f.created_to is not null then 'b.created_at < ($1).created_to' end,
        case when f.page_cursor is not null then format('(%s.starts_at, %s) %s (%L, %L)',
            v_lead, v_id, case v_direction when 'asc' then '>' else '<' end, v_after.starts_at, v_after.id) end);
    v_query text := format('select b.id, b.starts_at, b.ends_at, b.title, b.status, false from %s where %s', v_from, v_where)
        || format(' order by %s.starts_at %s, %s %2$s limit ($1).page_size', v_lead, v_direction, v_id);
begin
    return case when v_each is null then v_query else format(
        'select x.* from unnest(%L::text[]) e (one) cross join lateral (%s) x (id, starts_at, ends_at, title, status, removed)
         order by x.starts_at %s, x.id %3$s limit ($1).page_size', v_each, v_query, v_direction) end;
end $$;

-- One plan for all filters: it begins with the person's own rows, whatever else is asked.
alter function private.find_attended(private.booking_filters) set plan_cache_mode = force_generic_plan;

-- Twenty rows from an index are read before another process could begin to help.
create or replace function private.find_held(f private.booking_filters) returns setof private.found_booking
    language plpgsql stable security definer set search_path = '' set max_parallel_workers_per_gather = 0 rows 20 as $$
begin
    if private.is_staff() then
        return query execute private.held_query(f) using f;
    end if;
end $$;

-- In the order of the list, so that it is read from its index, and no further than is counted.
create function private.count_held(f private.booking_filters) returns bigint
    language plpgsql stable security definer set search_path = '' set max_parallel_workers_per_gather = 0 as $$
declare
    v_count bigint := 0;
begin
    if private.is_staff() then
        execute format('select count(*) from (%s) x', private.held_query(f)) into v_count using f;
    end if;
    return v_count;
end $$;

-- All hosts; for a host themselves and who held one of their newest 300 bookings with them.
create or replace function private.hosts_beside(p_host text) returns setof text
    language plpgsql stable set search_path = '' as $$
begin
    if p_host is null then
        return query with recursive hosts (email) as (
            select min(h.email) from private.booking_hosts h
            union all
            select (select h.email from private.booking_hosts h where h.email > x.email order by h.email limit 1)
            from hosts x where x.email is not null)
        select x.email from hosts x where x.email is not null;
    else
        return query select distinct o.email
        from (select h.booking_id from private.booking_hosts h where h.email = p_host order by h.starts_at desc limit 300) mine
        join private.booking_hosts o on o.booking_id = mine.booking_id;
    end if;
end $$;

-- As the newest of their bookings that they themselves organise calls them. (Each is looked at only until one is found.)
create or replace function private.host_name(p_host text) returns text
    language plpgsql stable set search_path = '' as $$
begin
    return (
        select y.name
        from (
            select x.starts_at, (
                select b.host_name from public.bookings b
                where b.id = x.booking_id and (
                    select d.host_email from private.booking_details d where d.booking_id = b.id) = p_host) as name
            from (select h.booking_id, h.starts_at from private.booking_hosts h
                  where h.email = p_host order by h.starts_at desc limit 100) x) y
        where y.name is not null
        order by y.starts_at desc limit 1);
end $$;

drop function private.listed_at(public.notifications);

revoke execute on all functions in schema private from public, anon;
comment on column private.booking_hosts.ends_at is 'The booking''s.';
comment on column private.booking_hosts.status is 'The booking''s.';
