-- Whom messages reach, and who is to be called: one rule for a booking's page and for the dashboard.

-- What a message means for reaching its recipient.
create function private.reach_by(n public.notifications) returns text
    language sql immutable set search_path = '' as $$
    select case
        when n.status = 'delivered' then 'reached'
        when n.status in ('planned', 'sending', 'sent') then 'on_the_way'
        when n.status in ('failed', 'bounced', 'complained') or n.status = 'skipped' and n.reason = 'suppressed'
            then 'unreachable'
        else 'not_reached' end
$$;

-- How the newest word about the present state of these bookings (of those that the caller holds) fared, for each person:
-- a message about a change, or a reminder after it that was delivered or came back. What else is on its way counts unless
-- its channel has just failed. Where one channel failed, another may do. Nobody calls who was erased, or who cancelled
-- the booking and so knows. The message is null where there was none.
create function private.reach(p_booking_ids uuid[])
    returns table (booking_id uuid, attendee_id uuid, state text, phone text, message public.notifications)
    language sql stable security definer set search_path = '' as $$
    with held as materialized (  -- as private.holds says, but asked once
        select b.* from public.bookings b
        where b.id = any (p_booking_ids) and ((select private.is_admin()) or (select private.is_staff()) and exists (
            select 1 from private.booking_hosts h where h.booking_id = b.id and h.email = (select private.my_email())))
    ), word as (
        select b.cancelled_by, a.booking_id, a.id as attendee_id, a.role, a.email, a.phone, n as message, n.channel, n.status,
            n.kind = 'reminder' as is_reminder, o.seq,
            coalesce(n.sent_at, case n.kind when 'reminder' then n.due_at else n.created_at end) as at,
            max(o.seq) filter (where n.kind <> 'reminder') over of_person as change_seq,
            max(n.created_at) filter (where n.kind <> 'reminder') over of_person as changed_at
        from held b
        join public.booking_attendees a on a.booking_id = b.id
        left join (public.notifications n join private.outbox o on o.notification_id = n.id)
            on n.attendee_id = a.id and n.ical_uid = b.ical_uid and case n.kind
                when 'reminder' then n.starts_at = b.starts_at and n.status not in ('skipped', 'unknown', 'failed')
                else n.reason is distinct from 'superseded' end
        window of_person as (partition by a.id)
    ), spoken as (
        select w.*, coalesce(private.reach_by(w.message), 'not_reached') as state,
            not w.is_reminder or w.status in ('delivered', 'bounced', 'complained') as has_ended
        from word w
        where w.is_reminder is null or case when w.is_reminder
            then w.status in ('planned', 'sending') or w.at >= coalesce(w.changed_at, '-infinity')
            else w.seq = w.change_seq end
    ), channel as (
        select s.*, first_value(s.state) over newest as channel_state, row_number() over newest as place
        from spoken s
        window newest as (partition by s.attendee_id, s.channel order by s.has_ended desc, s.at desc)
    )
    select distinct on (c.attendee_id) c.booking_id, c.attendee_id,
        case when c.state = 'unreachable' and (
                c.cancelled_by = 'client' and c.role <> 'guest'
                or exists (select 1 from public.suppressions s where s.address = c.email and s.reason = 'erased'))
            then 'not_reached' else c.state end,
        coalesce(c.phone, (select p.phone from public.notification_preferences p where p.email = c.email)), c.message
    from channel c
    where c.place = 1 or not c.has_ended and c.channel_state <> 'unreachable'
    order by c.attendee_id, array_position('{reached,on_the_way,unreachable,not_reached}', c.state), c.at
$$;

-- Staff: → [{"attendee_id", "name", "state", "says", "phone"}]
create function private.booking_reach(p_booking_id uuid) returns jsonb
    language plpgsql stable security definer set search_path = '' as $$
begin
    if not private.holds(p_booking_id) then
        raise exception 'only staff may do this'
            using errcode = case when private.my_part_in(p_booking_id) is null then 'PT404' else 'PT403' end;
    elsif not exists (select 1 from public.bookings b where b.id = p_booking_id) then
        raise exception 'no such booking' using errcode = 'PT404';
    end if;
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'attendee_id', a.id, 'name', a.name, 'state', r.state, 'phone', r.phone, 'says', case
                when r.state = 'unreachable' then 'Unreachable: ' || coalesce('call ' || r.phone, 'no number known')
                when (r.message).id is null then 'Nothing was sent'
                else private.says(r.message) end) order by a.removed_at nulls first, a.name, a.id), '[]')
        from private.reach(array[p_booking_id]) r
        join public.booking_attendees a on a.id = r.attendee_id
        where a.removed_at is null or r.state = 'unreachable');
end $$;

create function public.booking_reach(p_booking_id uuid) returns jsonb
    language sql stable security invoker set search_path = '' as $$
    select private.booking_reach(private.current_booking_id(p_booking_id))
$$;

create or replace function public.dashboard(p_from timestamptz, p_to timestamptz) returns jsonb
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
        select n.channel, n.status from public.notifications n where n.booking_id = any (array(select s.id from span s))
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
        -- To be called about a meeting to come, or about one that they do not know to be off.
        'unreachable', (select coalesce(jsonb_agg(to_jsonb(u) order by u.starts_at, u.attendee_id), '[]') from (
            select s.id as booking_id, s.title, s.starts_at, r.attendee_id, a.name, r.phone,
                (r.message).status, (r.message).reason
            from private.reach(array(select x.id from span x where x.ends_at > now())) r
            join span s on s.id = r.booking_id
            join public.booking_attendees a on a.id = r.attendee_id
            where r.state = 'unreachable'
            order by s.starts_at, r.attendee_id limit 100) u),
        'doubts', (select count(*) from public.doubts d where d.resolved_at is null),
        'quarantined', (select count(*) from public.webhook_events w where w.outcome = 'quarantined'))
    into v_result;
    return v_result;
end $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.booking_reach(uuid) from public, anon, service_role;
grant execute on function private.reach(uuid[]), private.booking_reach(uuid), public.booking_reach(uuid) to authenticated;
comment on function public.booking_reach(uuid) is
    'Staff: [{"attendee_id", "name", "state": reached | on_the_way | not_reached | unreachable, "says", "phone"}]';
