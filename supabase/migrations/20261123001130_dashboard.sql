-- The day of the staff in numbers, over the bookings that the caller sees.

create function public.dashboard(p_from timestamptz, p_to timestamptz) returns jsonb
    language plpgsql stable security invoker set search_path = '' as $$
declare
    v_zone constant text := coalesce(
        (select p.time_zone from public.notification_preferences p where p.email = (select private.my_email())), 'UTC');
    v_result jsonb;
begin
    if not private.is_staff() then
        raise exception 'only staff may do this' using errcode = 'PT403';
    end if;
    with span as materialized (
        select b.*, (b.starts_at at time zone v_zone)::date as day
        from public.bookings b where b.starts_at >= p_from and b.starts_at < p_to
    ), told as materialized (  -- any (array): by index, however few the planner takes the rest of the table for
        select n.*, row_number() over (partition by n.attendee_id order by n.created_at desc, n.id) as newest
        from public.notifications n where n.booking_id = any (array(select s.id from span s))
    )
    select jsonb_build_object(
        'from', p_from, 'to', p_to, 'time_zone', v_zone,
        'bookings', (select jsonb_build_object(
                'total', count(*),
                'confirmed', count(*) filter (where s.status = 'confirmed'),
                'pending', count(*) filter (where s.status = 'pending'),
                'awaiting_payment', count(*) filter (where s.status = 'awaiting_payment'),
                'cancelled', count(*) filter (where s.status = 'cancelled'),
                'rejected', count(*) filter (where s.status = 'rejected'))
            from span s),
        'people', (select jsonb_build_object(
                'total', count(*) filter (where a.removed_at is null),
                'absent', count(*) filter (where a.absent and a.removed_at is null))
            from public.booking_attendees a where a.booking_id = any (array(select s.id from span s))),
        'moves', (select count(*) from public.booking_events e
            where e.booking_id = any (array(select s.id from span s)) and e.kind = 'moved'),
        'by_day', (select coalesce(jsonb_agg(to_jsonb(d) order by d.day), '[]') from (
            select s.day, count(*) filter (where s.status not in ('cancelled', 'rejected')) as booked,
                count(*) filter (where s.status in ('cancelled', 'rejected')) as cancelled
            from span s group by s.day) d),
        'by_event_type', (select coalesce(jsonb_agg(to_jsonb(t) order by t.booked desc, t.event_type_id), '[]') from (
            select s.event_type_id, max(s.event_type_title) as title,
                count(*) filter (where s.status not in ('cancelled', 'rejected')) as booked,
                count(*) filter (where s.status in ('cancelled', 'rejected')) as cancelled
            from span s group by s.event_type_id) t),
        'messages', (select coalesce(jsonb_object_agg(c.channel, c.counts), '{}') from (
            select m.channel, jsonb_object_agg(m.status, m.n) as counts
            from (select t.channel, t.status, count(*) as n from told t group by t.channel, t.status) m
            group by m.channel) c),
        -- To be called: the newest word to them about a booking to come did not arrive, or may not be sent at all.
        'unreachable', (select coalesce(jsonb_agg(to_jsonb(u) order by u.starts_at, u.attendee_id), '[]') from (
            select s.id as booking_id, s.title, s.starts_at, t.attendee_id, a.name, a.phone, t.status, t.reason
            from told t
            join span s on s.id = t.booking_id
            join public.booking_attendees a on a.id = t.attendee_id and a.removed_at is null
            where t.newest = 1 and s.ends_at > now() and s.status not in ('cancelled', 'rejected')
              and (t.status in ('failed', 'bounced', 'complained') or t.status = 'skipped' and t.reason = 'suppressed')
            order by s.starts_at, t.attendee_id limit 100) u),
        'doubts', (select count(*) from public.doubts d where d.resolved_at is null),
        'quarantined', (select count(*) from public.webhook_events w where w.outcome = 'quarantined'))
    into v_result;
    return v_result;
end $$;

revoke execute on function public.dashboard(timestamptz, timestamptz) from public, anon, service_role;
grant execute on function public.dashboard(timestamptz, timestamptz) to authenticated;
comment on function public.dashboard(timestamptz, timestamptz) is
    'Staff: numbers of the bookings that start in [p_from, p_to). Days are of the caller''s zone, else UTC. Doubts and '
    'quarantined events are counted for admins; others see 0.';
