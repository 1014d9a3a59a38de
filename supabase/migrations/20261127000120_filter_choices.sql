-- What a list can be filtered by: the event types and hosts of the bookings that staff hold. Each value is found behind
-- the one before it in an index, so the cost follows the number of choices, not of bookings.

-- Of all bookings, or of those of one host.
create function private.event_types_of(p_host text) returns setof bigint
    language plpgsql stable set search_path = '' as $$
begin
    if p_host is null then
        return query with recursive types (id) as (
            select min(b.event_type_id) from public.bookings b
            union all
            select (select b.event_type_id from public.bookings b where b.event_type_id > t.id order by b.event_type_id limit 1)
            from types t where t.id is not null)
        select t.id from types t where t.id is not null;
    else
        return query with recursive types (id) as (
            select min(h.event_type_id) from private.booking_hosts h where h.email = p_host
            union all
            select (select h.event_type_id from private.booking_hosts h
                    where h.email = p_host and h.event_type_id > t.id order by h.event_type_id limit 1)
            from types t where t.id is not null)
        select t.id from types t where t.id is not null;
    end if;
end $$;

-- All hosts; for a host themselves and who held one of their newest 1,000 bookings with them.
create function private.hosts_beside(p_host text) returns setof text
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
        from (select h.booking_id from private.booking_hosts h where h.email = p_host order by h.starts_at desc limit 1000) mine
        join private.booking_hosts o on o.booking_id = mine.booking_id;
    end if;
end $$;

-- As the newest of their bookings that they themselves organise calls them.
create function private.host_name(p_host text) returns text
    language plpgsql stable set search_path = '' as $$
begin
    return (
        select b.host_name
        from (select h.booking_id, h.starts_at from private.booking_hosts h where h.email = p_host order by h.starts_at desc limit 100) x
        join private.booking_details d on d.booking_id = x.booking_id and d.host_email = p_host
        join public.bookings b on b.id = x.booking_id
        where b.host_name is not null
        order by x.starts_at desc limit 1);
end $$;

create function private.filter_choices() returns jsonb
    language plpgsql stable security definer set search_path = '' as $$
declare
    v_holder constant text := case when not private.is_admin() then private.my_email() end;
begin
    if not private.is_staff() then
        raise exception 'only staff may do this' using errcode = 'PT403';
    end if;
    return jsonb_build_object(
        'event_types', (
            select coalesce(jsonb_agg(jsonb_build_object('id', x.id, 'title', x.title) order by lower(x.title), x.id), '[]')
            from (select t.id, (
                    select b.event_type_title from public.bookings b
                    where b.event_type_id = t.id order by b.starts_at desc limit 1) as title
                from private.event_types_of(v_holder) t (id)) x),
        'hosts', (
            select coalesce(jsonb_agg(jsonb_build_object('email', x.email, 'name', x.name) order by lower(x.name), x.email), '[]')
            from (select h.email, private.host_name(h.email) as name from private.hosts_beside(v_holder) h (email)) x));
end $$;

create function public.filter_choices() returns jsonb
    language sql stable security invoker set search_path = '' as $$ select private.filter_choices() $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.filter_choices() from public, anon, service_role;
grant execute on function private.filter_choices(), public.filter_choices() to authenticated;
comment on function public.filter_choices() is
    'Staff: {"event_types": [{"id", "title"}], "hosts": [{"email", "name"}]}, of the bookings that they hold.';
