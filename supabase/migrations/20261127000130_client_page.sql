-- A client, as staff who hold bookings of theirs know them.

-- p_who: an address, or the number of who has none. Of the bookings that the caller holds alone.
create function private.client_page(p_who text) returns jsonb
    language plpgsql stable security definer set search_path = '' as $$
declare
    c_open constant text[] := '{pending,awaiting_payment,confirmed}';
    v_is_admin constant boolean := private.is_admin();
    v_me constant text := private.my_email();
    v_page jsonb;
    v_upcoming uuid[];
    v_attendee_ids uuid[];
begin
    if not private.is_staff() then
        raise exception 'only staff may do this' using errcode = 'PT403';
    end if;
    with rows as materialized (
        select a.id as attendee_id, a.name, a.phone, a.time_zone, a.locale, a.absent,
            b.id, b.title, b.starts_at, b.status,
            case when a.removed_at is not null or b.status <> all (c_open) then 'cancelled'
                when b.ends_at > now() then 'upcoming' else 'past' end as period
        from (select x.* from public.booking_attendees x where x.email = p_who
              union all
              select x.* from public.booking_attendees x where x.phone = p_who and x.email is null) a
        join public.bookings b on b.id = a.booking_id
        where v_is_admin or exists (
            select 1 from private.booking_hosts h where h.booking_id = b.id and h.email = v_me)
    )
    select jsonb_build_object(
            'email', case when p_who like '%@%' then p_who end,
            'names', (select coalesce(jsonb_agg(x.name order by x.last desc, x.name), '[]')
                from (select r.name, max(r.starts_at) as last from rows r where r.name is not null group by r.name) x),
            'phones', (select coalesce(jsonb_agg(x.phone order by x.last desc, x.phone), '[]')
                from (select r.phone, max(r.starts_at) as last from rows r where r.phone is not null group by r.phone) x),
            'time_zone', (select r.time_zone from rows r where r.time_zone is not null order by r.starts_at desc limit 1),
            'locale', (select r.locale from rows r where r.locale is not null order by r.starts_at desc limit 1),
            'counts', jsonb_build_object(
                'upcoming', count(*) filter (where r.period = 'upcoming'),
                'past', count(*) filter (where r.period = 'past'),
                'cancelled', count(*) filter (where r.period = 'cancelled'),
                'no_shows', count(*) filter (where r.absent and r.period = 'past')),
            'first_booking', (array_agg(private.booking_in_short(r.id, r.title, r.starts_at, r.status) order by r.starts_at, r.id))[1],
            'last_booking', (array_agg(private.booking_in_short(r.id, r.title, r.starts_at, r.status) order by r.starts_at desc, r.id))[1]),
        (array_agg(r.id order by r.starts_at, r.id) filter (where r.period = 'upcoming'))[:50],
        array_agg(r.attendee_id)
    into v_page, v_upcoming, v_attendee_ids
    from rows r
    having count(*) > 0;
    if v_page is null then
        raise exception 'no such client' using errcode = 'PT404';
    end if;
    return v_page || jsonb_build_object('reach', (
        select jsonb_build_object(
            'state', (array_agg(r.state order by r.state = 'unreachable' desc, array_position(v_upcoming, r.booking_id)))[1],
            'phone', max(r.phone),
            'unreachable', coalesce(jsonb_agg(r.booking_id order by array_position(v_upcoming, r.booking_id))
                                    filter (where r.state = 'unreachable'), '[]'))
        from private.reach(v_upcoming) r where r.attendee_id = any (v_attendee_ids)
        having count(*) > 0));
end $$;

create function private.booking_in_short(p_id uuid, p_title text, p_starts_at timestamptz, p_status text) returns jsonb
    language sql immutable set search_path = '' as $$
    select jsonb_build_object('id', p_id, 'title', p_title, 'starts_at', p_starts_at, 'status', p_status)
$$;

-- What they wish and agreed to is read as the caller may read it.
create function public.client_page(p_email text) returns jsonb
    language plpgsql stable security invoker set search_path = '' as $$
declare
    v_who constant text := lower(btrim(p_email));
    v_page constant jsonb := private.client_page(v_who);
    v_wishes constant jsonb := (select to_jsonb(p) from public.notification_preferences p where p.email = v_who);
    v_phones constant text[] := array(select jsonb_array_elements_text(v_page -> 'phones') union select v_wishes ->> 'phone');
begin
    return v_page || jsonb_build_object(
        'preferences', v_wishes,
        'sms_consents', case when private.is_admin() then (
            select coalesce(jsonb_agg(to_jsonb(c) - 'id' - 'email' order by c.given_at desc, c.id desc), '[]')
            from public.sms_consents c where c.email = v_who) end,
        'suppressions', case when private.is_admin() then (
            select coalesce(jsonb_agg(to_jsonb(s) order by s.created_at desc, s.channel), '[]')
            from public.suppressions s
            where s.channel = 'email' and s.address = v_who or s.channel = 'sms' and s.address = any (v_phones)) end);
end $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.client_page(text) from public, anon, service_role;
grant execute on function private.client_page(text), public.client_page(text) to authenticated;
comment on function public.client_page(text) is
    'Staff, of a client by address (by number: who has no address), from the bookings that they hold: {"email", "names", '
    '"phones", "time_zone", "locale", "counts": {"upcoming", "past", "cancelled", "no_shows"}, "first_booking", '
    '"last_booking": {"id", "title", "starts_at", "status"}, "reach": {"state", "phone", "unreachable": [booking id]} of the '
    'bookings to come (null: none), "preferences" (null: the defaults), "sms_consents" and "suppressions" (null: not for '
    'hosts)}.';
