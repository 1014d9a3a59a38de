-- The send plan in plain words: each message of the timeline and of a preview says what becomes of it.

drop function public.booking_timeline(uuid);
-- Events and messages in one list, newest first. Row-level security chooses what the caller reads of both.
create function public.booking_timeline(p_booking_id uuid)
    returns table (
        at timestamptz, entry text, id text, kind text, status text, reason text, actor_kind text, actor text,
        source text, audience text, attendee_id uuid, attendee_name text, channel text, recipient text,
        lead_minutes integer, starts_at timestamptz, due_at timestamptz, attempts integer, tries jsonb, batch_id uuid,
        changes jsonb, recorded_at timestamptz, says text)
    language sql stable security invoker set search_path = '' as $$
    select x.at, x.entry, x.id, x.kind, x.status, x.reason, x.actor_kind, x.actor, x.source, x.audience, x.attendee_id,
        a.name, x.channel, x.recipient, x.lead_minutes, x.starts_at, x.due_at, x.attempts, x.tries, x.batch_id,
        x.changes, x.recorded_at, x.says
    from (
        select e.occurred_at as at, 'event' as entry, e.id::text as id, e.kind, null as status, e.reason, e.actor_kind,
            e.actor, e.source, e.audience, e.attendee_id, null as channel, null as recipient,
            null::integer as lead_minutes, null::timestamptz as starts_at, null::timestamptz as due_at,
            null::integer as attempts, null::jsonb as tries, e.batch_id, e.changes, e.recorded_at, e.id as place,
            null as says
        from public.booking_events e where e.booking_id = private.current_booking_id(p_booking_id)
        union all
        select coalesce(n.sent_at, n.due_at), 'message', n.id::text, n.kind, n.status, n.reason, null,
            null, null, null, n.attendee_id, n.channel, n.recipient,
            n.lead_minutes, n.starts_at, n.due_at,
            n.attempts, private.tries_of(n.id), null, null, n.created_at, null, private.says(n)
        from public.notifications n where n.booking_id = private.current_booking_id(p_booking_id)
    ) x
    left join public.booking_attendees a on a.id = x.attendee_id
    order by x.at desc, x.recorded_at desc, x.place desc nulls first, x.id
$$;

-- Messages of a booking that have not left, as the caller may see them.
create or replace function private.messages_to_come(p_booking_id uuid) returns jsonb
    language sql stable set search_path = '' as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'attendee_id', n.attendee_id, 'recipient', n.recipient, 'channel', n.channel, 'kind', n.kind,
        'lead_minutes', n.lead_minutes, 'starts_at', n.starts_at, 'due_at', n.due_at, 'time_zone', n.time_zone,
        'locale', n.locale, 'status', n.status, 'reason', n.reason, 'says', private.says(n))
        order by n.due_at, n.recipient, n.kind), '[]')
    from public.notifications n
    where n.booking_id = p_booking_id and n.status in ('planned', 'skipped')
      and (private.holds(p_booking_id) or n.attendee_id in (select private.my_attendee_ids()))
$$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.booking_timeline(uuid) from public, anon, service_role;
grant execute on function public.booking_timeline(uuid) to authenticated;
comment on function public.booking_timeline(uuid) is
    'All that happened and was or will be sent, newest first; each message says when, how it ended, or why it is not sent.';
