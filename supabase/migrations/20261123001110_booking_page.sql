-- What a booking's page shows beside the row itself: one list of all that happened, and what may be done.

-- Ids of bookings that were merged into another still open it. Tells nothing: who may see it is decided elsewhere.
create function private.current_booking_id(p_booking_id uuid) returns uuid
    language sql stable security definer set search_path = '' as $$
    select coalesce((select a.booking_id from private.booking_aliases a where a.id = p_booking_id), p_booking_id)
$$;

-- Each try to deliver a message, for the staff who hold the booking.
create function private.tries_of(p_notification_id uuid) returns jsonb
    language sql stable security definer set search_path = '' as $$
    select jsonb_agg(jsonb_build_object('at', t.at, 'outcome', t.outcome, 'error', t.error) order by t.at, t.id)
    from public.notifications n join private.delivery_attempts t on t.notification_id = n.id
    where n.id = p_notification_id and private.holds(n.booking_id)
$$;

-- Events and messages in one list, newest first. Row-level security chooses what the caller reads of both.
create function public.booking_timeline(p_booking_id uuid)
    returns table (
        at timestamptz, entry text, id text, kind text, status text, reason text, actor_kind text, actor text,
        source text, audience text, attendee_id uuid, attendee_name text, channel text, recipient text,
        lead_minutes integer, starts_at timestamptz, due_at timestamptz, attempts integer, tries jsonb, batch_id uuid,
        changes jsonb, recorded_at timestamptz)
    language sql stable security invoker set search_path = '' as $$
    select x.at, x.entry, x.id, x.kind, x.status, x.reason, x.actor_kind, x.actor, x.source, x.audience, x.attendee_id,
        a.name, x.channel, x.recipient, x.lead_minutes, x.starts_at, x.due_at, x.attempts, x.tries, x.batch_id,
        x.changes, x.recorded_at
    from (
        select e.occurred_at as at, 'event' as entry, e.id::text as id, e.kind, null as status, e.reason, e.actor_kind,
            e.actor, e.source, e.audience, e.attendee_id, null as channel, null as recipient,
            null::integer as lead_minutes, null::timestamptz as starts_at, null::timestamptz as due_at,
            null::integer as attempts, null::jsonb as tries, e.batch_id, e.changes, e.recorded_at, e.id as place
        from public.booking_events e where e.booking_id = private.current_booking_id(p_booking_id)
        union all
        select coalesce(n.sent_at, n.due_at), 'message', n.id::text, n.kind, n.status, n.reason, null,
            null, null, null, n.attendee_id, n.channel, n.recipient,
            n.lead_minutes, n.starts_at, n.due_at,
            n.attempts, private.tries_of(n.id), null, null, n.created_at, null
        from public.notifications n where n.booking_id = private.current_booking_id(p_booking_id)
    ) x
    left join public.booking_attendees a on a.id = x.attendee_id
    order by x.at desc, x.recorded_at desc, x.place desc nulls first, x.id
$$;

-- In what part the signed-in person sees a booking: staff, booker, seat, guest. Null: not at all.
create function private.my_part_in(p_booking_id uuid) returns text
    language sql stable security definer set search_path = '' as $$
    select case when private.holds(p_booking_id) then 'staff' else (
        select a.role from public.booking_attendees a
        where a.booking_id = p_booking_id and a.email = private.my_email() and a.removed_at is null) end
$$;

-- One action: until when, and why not. Staff are exempt from notices and limits, not from the end of the meeting.
create function private.action_of(
    b public.bookings, p_part text, p_notice_minutes integer, p_limit_reached boolean) returns jsonb
    language sql stable set search_path = '' as $$
    select jsonb_build_object('allowed', d.reason is null, 'until', d.until, 'reason', d.reason)
    from (
        select u.until, case
            when p_part = 'guest' then 'not_allowed'
            when b.status in ('cancelled', 'rejected') then 'already_cancelled'
            when now() > u.until then 'too_late'
            when p_limit_reached and p_part <> 'staff' then 'too_many_moves' end as reason
        from (select case p_part when 'staff' then b.ends_at
                     else b.starts_at - make_interval(mins => coalesce(p_notice_minutes, 0)) end as until) u
    ) d
$$;

create function private.booking_actions(p_booking_id uuid) returns jsonb
    language plpgsql stable security definer set search_path = '' as $$
declare
    b public.bookings;
    s public.event_type_settings;
    v_part text := private.my_part_in(p_booking_id);
    v_moves bigint;
begin
    select * into b from public.bookings x where x.id = p_booking_id;
    if v_part is null or b.id is null then
        return null;
    end if;
    s := private.settings_for(b.event_type_id);
    select count(*) into v_moves
    from public.booking_events e
    where e.booking_id = b.id and e.actor_kind = 'client' and e.kind in ('moved', 'requested')
      and e.changes #>> '{starts_at,0}' is not null;
    return jsonb_build_object('booking_id', b.id, 'part', v_part,
        'cancel', private.action_of(b, v_part, s.min_cancel_notice, false),
        'move', private.action_of(b, v_part, s.min_reschedule_notice, v_moves >= s.max_reschedules),
        'contact', s.contact);
end $$;

create function public.booking_actions(p_booking_id uuid) returns jsonb
    language sql stable security invoker set search_path = '' as $$
    select private.booking_actions(private.current_booking_id(p_booking_id))
$$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.booking_timeline(uuid), public.booking_actions(uuid) from public, anon, service_role;
grant execute on function private.current_booking_id(uuid), private.tries_of(uuid), private.booking_actions(uuid)
    to authenticated;
grant execute on function public.booking_timeline(uuid), public.booking_actions(uuid) to authenticated;
comment on function public.booking_timeline(uuid) is
    'All that happened and was or will be sent, newest first; a message that is not sent says why.';
comment on function public.booking_actions(uuid) is
    '{"booking_id", "part", "cancel": {"allowed", "until", "reason"}, "move": {…}, "contact"}; null: not a booking of the '
    'caller. reason: not_allowed | already_cancelled | too_late | too_many_moves.';
