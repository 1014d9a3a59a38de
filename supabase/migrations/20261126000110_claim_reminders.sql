-- Reminders leave in batches: up to 100 e-mails are one call of Resend's, one token, one lease, one key, one payload.

-- A batch that was cut off is found without looking through all that is due.
create index outbox_cut_off on private.outbox (try_at) where open and priority = 3 and batch_key is not null;
-- The bytes of a batch are large, live for seconds, and compress slowly.
alter table private.outbox_batches alter column payload set storage external;

-- Takes up to p_wanted tokens from a provider's bucket. → how many there were
-- All buckets at once, in one order: a claim that needs the second one later never waits for a claim that has it.
create or replace function private.take_tokens(p_channel text, p_wanted integer) returns integer
    language plpgsql set search_path = '' as $$
declare
    v_rate private.send_rates;
    v_now timestamptz;
    v_tokens numeric;
    v_taken integer;
begin
    perform 1 from private.send_rates r order by r.channel for update;
    select * into v_rate from private.send_rates r where r.channel = p_channel;
    v_now := clock_timestamp();
    -- A clock that was set back refills nothing, and takes nothing away.
    v_tokens := least(greatest(v_rate.rate, 1), greatest(v_rate.tokens, 0)
        + v_rate.rate * greatest(extract(epoch from v_now - v_rate.refilled_at), 0)::numeric);
    v_taken := greatest(least(p_wanted, floor(v_tokens)::integer), 0);
    update private.send_rates r set tokens = v_tokens - v_taken, refilled_at = v_now where r.channel = p_channel;
    return v_taken;
end $$;

-- Why a message must not leave, seen at the moment of the claim; null: it may.
create or replace function private.stale(n public.notifications, o private.outbox) returns text
    language plpgsql stable set search_path = '' as $$
declare
    b public.bookings;
    d private.booking_details;
    a public.booking_attendees;
    v_told jsonb;
    v_truth jsonb;
begin
    if n.kind = 'reminder' then
        return (select s.silence from private.silent_reminders(array[n.id]) s);
    end if;
    select * into b from public.bookings x where x.id = n.booking_id;
    select * into a from public.booking_attendees x where x.id = n.attendee_id;
    select * into d from private.booking_details x where x.booking_id = n.booking_id;
    v_told := private.last_told(a.id, n.channel, n.ical_uid, false, o.seq);
    v_truth := private.truth_for(b, a, d.host_email);
    if n.ical_uid = b.ical_uid and (o.target <> v_truth or not o.again
       and private.change_kind(v_told -> 'target', private.last_told(a.id, n.channel, n.ical_uid, true, o.seq), v_truth,
               private.was_moved(d, a)) is distinct from n.kind) then
        return 'superseded';
    end if;
    if b.starts_at <= now() and (v_told is null or o.target ->> 'state' in ('confirmed', 'pending')) then
        return 'started';
    end if;
    return private.silence(b, a, n.channel, n.kind, false);
end $$;

-- A text that could not leave earlier and would come in its recipient's quiet hours waits for their end or, where that
-- is too close to the meeting, is not sent. Staff who send it now mean now. → 'later', 'never', or null: it may leave
create function private.hush(n public.notifications, o private.outbox) returns text
    language plpgsql set search_path = '' as $$
declare
    w public.notification_preferences;
    v_until timestamptz;
begin
    if n.kind <> 'reminder' or n.channel <> 'sms' or o.again then
        return null;
    end if;
    select p.* into w
    from public.booking_attendees a cross join lateral private.wishes_of(a.email) p where a.id = n.attendee_id;
    v_until := (private.quiet_hours(private.clock(), n.time_zone, w.quiet_start, w.quiet_end)).ends_at;
    if v_until is null then
        return null;
    elsif v_until > n.starts_at - interval '30 minutes' then
        perform private.skip(n.id, 'quiet_hours');
        return 'never';
    end if;
    update public.notifications x set status = 'planned', due_at = v_until where x.id = n.id;
    update private.outbox x set try_at = v_until, lease = null where x.notification_id = n.id;
    return 'later';
end $$;

-- Claimed messages with all that rendering them needs, in the order of p_ids. The bytes of a batch that was posted
-- before come with its first row.
drop function private.claimed(uuid);
create function private.claimed(p_ids uuid[]) returns json
    language sql stable set search_path = '' set timezone = 'UTC' as $$
    select coalesce(json_agg(json_build_object(
        'id', n.id, 'booking_id', n.booking_id, 'attendee_id', n.attendee_id, 'channel', n.channel, 'kind', n.kind,
        'recipient', n.recipient, 'lead_minutes', n.lead_minutes, 'starts_at', n.starts_at, 'revision', n.revision,
        'due_at', n.due_at, 'time_zone', n.time_zone, 'locale', n.locale, 'status', n.status, 'reason', n.reason,
        'attempts', n.attempts, 'provider_id', n.provider_id, 'sent_at', n.sent_at, 'created_at', n.created_at,
        'lease', o.lease, 'batch_key', o.batch_key,
        'payload', case when i.is_first then (
            select convert_from(p.payload, 'UTF8') from private.outbox_batches p where p.key = o.batch_key) end,
        'calendar', case when n.kind <> 'reminder' then private.calendar_of(n, o) end,
        'booking', json_build_object(
            'id', b.id, 'status', b.status, 'reschedule_requested', b.reschedule_requested, 'title', b.title,
            'description', b.description, 'event_type_title', b.event_type_title, 'event_type_slug', b.event_type_slug,
            'starts_at', coalesce(o.target -> 'starts_at', to_jsonb(b.starts_at)),
            'ends_at', coalesce(o.target -> 'ends_at', to_jsonb(b.ends_at)),
            'location', b.location, 'meeting_url', b.meeting_url,
            'host_name', b.host_name, 'host_email', b.host_email, 'host_time_zone', b.host_time_zone,
            'reply_to', coalesce(b.host_email, s.contact), 'seats', b.seats,
            'cancellation_reason', coalesce(b.cancellation_reason, case when a.removed_at is not null then (
                select e.reason from public.booking_events e
                where e.attendee_id = a.id and e.kind = 'attendee_removed'
                order by e.id desc limit 1) end),
            'cancelled_by', b.cancelled_by, 'series_id', b.series_id,
            'previous_starts_at', t.told #> '{target,starts_at}', 'previous_ends_at', t.told #> '{target,ends_at}',
            'contact', s.contact),
        'attendee', json_build_object(
            'id', a.id, 'email', a.email, 'name', a.name, 'phone', a.phone, 'time_zone', a.time_zone,
            'locale', a.locale, 'role', a.role, 'removed_at', a.removed_at)) order by i.place), '[]')
    from (
        select x.id, x.place, row_number() over (partition by o.batch_key order by x.place) = 1 as is_first
        from unnest(p_ids) with ordinality x (id, place) join private.outbox o on o.notification_id = x.id
    ) i
    join public.notifications n on n.id = i.id
    join private.outbox o on o.notification_id = n.id
    join public.bookings b on b.id = n.booking_id
    join public.booking_attendees a on a.id = n.attendee_id
    cross join lateral private.settings_for(b.event_type_id) s
    left join lateral (
        select private.last_told(n.attendee_id, n.channel, n.ical_uid, false, o.seq) as told where n.kind <> 'reminder'
    ) t on true
$$;

-- Due messages of one kind of hurry and one channel, earliest first: not what others hold, and one word at a time to a
-- person, so what is under way to them is settled before the next leaves.
create or replace function private.due_messages(p_channel text, p_priority integer, p_booking_id uuid, p_limit integer)
    returns setof uuid
    language plpgsql volatile set search_path = '' as $$
begin
    if p_booking_id is not null then  -- by the booking's index: however much else is due
        return query
        select o.notification_id
        from public.notifications n join private.outbox o on o.notification_id = n.id
        where n.booking_id = p_booking_id and o.open and o.channel = p_channel and o.priority = p_priority
          and o.try_at <= private.clock() and (n.status <> 'planned' or not private.under_way(n))
        order by o.try_at, o.seq limit p_limit for update of o skip locked;
    else
        return query
        select o.notification_id
        from private.outbox o join public.notifications n on n.id = o.notification_id
        where o.open and o.channel = p_channel and o.priority = p_priority and o.try_at <= private.clock()
          and (n.status <> 'planned' or not private.under_way(n))
        order by o.try_at, o.seq limit p_limit for update of o skip locked;
    end if;
end $$;

-- One due message: skipped, given up, or leased. False: left alone, since its booking or person is just being changed,
-- or put off.
create or replace function private.claim_one(p_id uuid, p_lease integer) returns boolean
    language plpgsql set search_path = '' as $$
declare
    n public.notifications;
    o private.outbox;
    v_posted boolean;
    v_stale text;
    v_hushed text;
begin
    select * into n from public.notifications x where x.id = p_id;
    -- In the order of all others, but without waiting: the booking, then the person.
    perform 1 from public.bookings b where b.id = n.booking_id for share skip locked;
    if not found or not pg_try_advisory_xact_lock(hashtextextended(
            'person:' || (select coalesce(a.email, a.phone) from public.booking_attendees a where a.id = n.attendee_id), 0)) then
        return false;
    end if;
    select * into n from public.notifications x where x.id = p_id for update;
    select * into o from private.outbox x where x.notification_id = p_id;
    v_posted := exists (select 1 from private.outbox_batches p where p.key = o.batch_key);
    if not o.open or n.status = 'planned' and private.under_way(n) then
        return false;
    elsif n.status = 'sending' and v_posted then
        if o.first_tried_at < now() - interval '23 hours' then  -- keys live 24 h: sending again might send twice
            update public.notifications x set status = 'unknown' where x.id = n.id;
            update private.outbox x set open = false, lease = null where x.notification_id = n.id;
            delete from private.outbox_batches p where p.key = o.batch_key;
            return false;
        end if;
    else  -- nothing was posted yet: is it still true?
        v_stale := private.stale(n, o);
        if v_stale is not null then
            perform private.skip(n.id, v_stale);
            perform private.plan_again(n);
            return true;
        end if;
        v_hushed := private.hush(n, o);
        if v_hushed is not null then
            return v_hushed = 'never';
        end if;
    end if;
    update private.outbox x
    set lease = gen_random_uuid(), try_at = clock_timestamp() + make_interval(secs => p_lease),
        first_tried_at = coalesce(x.first_tried_at, clock_timestamp()), batch_key = coalesce(x.batch_key, n.id::text),
        method = case when v_posted or n.kind = 'reminder' then x.method else private.calendar_of(n, o) ->> 'method' end,
        in_doubt = x.in_doubt or v_posted  -- an earlier holder posted these bytes and never said how it ended
    where x.notification_id = n.id;
    update public.notifications x set status = 'sending' where x.id = n.id and x.status <> 'sending';
    return true;
end $$;

-- Batches whose holder stopped before it said how they ended: the same bytes again, all of one or none. What cannot be
-- posted again (its key has run out, or its meeting begun) stays in doubt for good. → ids, batch by batch
create function private.claim_cut_off(p_booking_id uuid, p_batches integer, p_lease integer) returns uuid[]
    language plpgsql set search_path = '' as $$
declare
    v_keys text[] := array(
        select distinct o.batch_key
        from private.outbox o join public.notifications n on n.id = o.notification_id
        where o.open and o.priority = 3 and o.batch_key is not null and o.channel = 'email' and o.try_at <= private.clock()
          and (p_booking_id is null or n.booking_id = p_booking_id)
        limit 1000);
    v_key text;
    v_ids uuid[];
    v_claimed uuid[] := '{}';
    v_lease uuid;
begin
    for v_key in select p.key from private.outbox_batches p where p.key = any (v_keys) for update skip locked loop
        exit when p_batches = 0;
        v_ids := array(
            select o.notification_id from private.outbox o
            where o.batch_key = v_key and o.open and o.try_at <= private.clock()
            order by o.seq for update skip locked);
        continue when cardinality(v_ids) < (select count(*) from private.outbox o where o.batch_key = v_key and o.open);
        with over as (
            update private.outbox o set open = false, lease = null
            from public.notifications n
            where o.notification_id = any (v_ids) and n.id = o.notification_id
              and (o.first_tried_at < now() - interval '23 hours' or n.starts_at <= private.clock())
            returning o.notification_id as id)
        update public.notifications n set status = 'unknown' from over where n.id = over.id;
        v_lease := gen_random_uuid();
        v_ids := array(
            select o.notification_id from private.outbox o where o.notification_id = any (v_ids) and o.open order by o.seq);
        if v_ids = '{}' then
            delete from private.outbox_batches p where p.key = v_key;
            continue;
        end if;
        update private.outbox o
        set lease = v_lease, try_at = clock_timestamp() + make_interval(secs => p_lease), in_doubt = true
        where o.notification_id = any (v_ids);
        v_claimed := v_claimed || v_ids;
        p_batches := p_batches - 1;
    end loop;
    return v_claimed;
end $$;

-- Those of these attendees whose person nobody else is planning for, or telling about, right now.
create function private.try_lock_people(p_attendee_ids uuid[]) returns uuid[]
    language plpgsql volatile set search_path = '' as $$
begin
    return array(
        with people as materialized (
            select w.who, pg_try_advisory_xact_lock(hashtextextended('person:' || w.who, 0)) as mine
            from (select distinct coalesce(a.email, a.phone) as who
                  from public.booking_attendees a where a.id = any (p_attendee_ids)) w)
        select a.id from public.booking_attendees a join people p on p.who = coalesce(a.email, a.phone)
        where a.id = any (p_attendee_ids) and p.mine);
end $$;

-- Due reminders by e-mail, looked at once more and leased in batches of 100. → ids, batch by batch, then the skipped ones
create function private.claim_batches(p_booking_id uuid, p_limit integer, p_lease integer) returns uuid[]
    language plpgsql set search_path = '' as $$
declare
    v_due uuid[];
    v_booking_ids uuid[];
    v_attendee_ids uuid[];
    v_claimed uuid[];
begin
    v_due := array(
        select o.notification_id from private.outbox o
        where o.open and o.channel = 'email' and o.priority = 3 and o.try_at <= private.clock()
          and not exists (select 1 from private.outbox_batches p where p.key = o.batch_key)
          and (p_booking_id is null or o.notification_id in (
              select n.id from public.notifications n where n.booking_id = p_booking_id))
        order by o.try_at limit p_limit for update of o skip locked);
    -- In the order of all others, but without waiting: the bookings, then the people.
    v_booking_ids := array(
        select b.id from public.bookings b
        where b.id in (select n.booking_id from public.notifications n where n.id = any (v_due))
        for share skip locked);
    v_attendee_ids := private.try_lock_people(array(
        select n.attendee_id from public.notifications n where n.id = any (v_due) and n.booking_id = any (v_booking_ids)));
    with seen as materialized (
        select n.id, d.place, s.silence
        from unnest(v_due) with ordinality d (id, place)
        join public.notifications n on n.id = d.id and n.attendee_id = any (v_attendee_ids)
        left join private.silent_reminders(v_due) s on s.id = n.id
    ), leaving as (
        select s.id, s.place, (row_number() over (order by s.place) - 1) / 100 as batch from seen s where s.silence is null
    ), batches as materialized (
        select l.batch, gen_random_uuid() as lease, 'reminders/' || gen_random_uuid() as key
        from (select distinct x.batch from leaving x) l
    ), leased as (
        update private.outbox o
        set lease = x.lease, batch_key = x.key, try_at = clock_timestamp() + make_interval(secs => p_lease),
            first_tried_at = clock_timestamp()
        from leaving l join batches x on x.batch = l.batch
        where o.notification_id = l.id
    ), sending as (
        update public.notifications n set status = 'sending' from leaving l where n.id = l.id
    ), closed as (
        update private.outbox o set open = false, lease = null
        from seen s where o.notification_id = s.id and s.silence is not null
    ), skipped as (
        update public.notifications n set status = 'skipped', reason = s.silence
        from seen s where n.id = s.id and s.silence is not null
    )
    select array_agg(s.id order by l.batch nulls last, s.place) into v_claimed
    from seen s left join leaving l on l.id = s.id;
    return coalesce(v_claimed, '{}');
end $$;

-- Claims what is due, cancelled and moved before confirmations before reminders, as far as the providers' budgets go:
-- one token is one call, thus a message or a batch of reminders. Messages that must not leave any more come back as
-- skipped. → json array, see private.claimed (json, not jsonb, which costs twice as much to make)
drop function public.claim_notifications(integer, integer, uuid);
drop function private.claim_notifications(integer, integer, uuid);
create function private.claim_notifications(p_limit integer, p_lease integer, p_booking_id uuid) returns json
    language plpgsql security definer set search_path = '' as $$
declare
    v_lane record;
    v_id uuid;
    v_tokens jsonb := '{}';  -- channel → what is left of its budget
    v_ids uuid[] := '{}';
    v_batches integer;
    v_batched uuid[];
begin
    for v_lane in
        select l.priority, c.channel from generate_series(1, 3) l (priority), (values ('email'), ('sms')) c (channel)
        where (l.priority, c.channel) <> (3, 'email') order by 1, 2
    loop
        exit when cardinality(v_ids) >= p_limit;
        for v_id in
            select d.id from private.due_messages(v_lane.channel, v_lane.priority, p_booking_id,
                least(p_limit - cardinality(v_ids), coalesce((v_tokens ->> v_lane.channel)::integer, p_limit))) d (id)
        loop
            if not v_tokens ? v_lane.channel then
                v_tokens := v_tokens || jsonb_build_object(v_lane.channel, private.take_tokens(v_lane.channel, p_limit));
            end if;
            exit when (v_tokens ->> v_lane.channel)::integer = 0;
            continue when not private.claim_one(v_id, p_lease);
            v_ids := v_ids || v_id;
            if exists (select 1 from public.notifications n where n.id = v_id and n.status = 'sending') then
                v_tokens := v_tokens
                    || jsonb_build_object(v_lane.channel, (v_tokens ->> v_lane.channel)::integer - 1);
            end if;
        end loop;
    end loop;
    if cardinality(v_ids) < p_limit and exists (
            select 1 from private.outbox o
            where o.open and o.channel = 'email' and o.priority = 3 and o.try_at <= private.clock()) then
        if not v_tokens ? 'email' then
            v_tokens := v_tokens || jsonb_build_object('email', private.take_tokens('email', p_limit));
        end if;
        v_batches := least((v_tokens ->> 'email')::integer, ceil((p_limit - cardinality(v_ids)) / 100.0)::integer);
        v_batched := private.claim_cut_off(p_booking_id, v_batches, p_lease);
        v_batches := v_batches - (
            select count(distinct o.batch_key) from private.outbox o where o.notification_id = any (v_batched));
        if v_batches > 0 and cardinality(v_ids) + cardinality(v_batched) < p_limit then
            v_batched := v_batched || private.claim_batches(
                p_booking_id, least(p_limit - cardinality(v_ids) - cardinality(v_batched), v_batches * 100), p_lease);
        end if;
        v_tokens := v_tokens || jsonb_build_object('email', (v_tokens ->> 'email')::integer - (
            select count(distinct o.batch_key) from private.outbox o
            where o.notification_id = any (v_batched) and o.lease is not null));
        v_ids := v_ids || v_batched;
    end if;
    -- Tokens that were not needed go back.
    update private.send_rates r set tokens = r.tokens + (v_tokens ->> r.channel)::integer where v_tokens ? r.channel;
    return private.claimed(v_ids);
end $$;

create function public.claim_notifications(p_limit integer, p_lease integer, p_booking_id uuid default null) returns json
    language sql security invoker set search_path = ''
    as $$ select private.claim_notifications(p_limit, p_lease, p_booking_id) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.claim_notifications(integer, integer, uuid) from public, anon, authenticated;
grant execute on function public.claim_notifications(integer, integer, uuid) to service_role;
grant execute on function private.claim_notifications(integer, integer, uuid) to service_role;
comment on function public.claim_notifications(integer, integer, uuid) is
    'Leases what is due (p_lease seconds); p_booking_id null: of all bookings. → json array of messages with what rendering '
    'needs. Reminders by e-mail that share a batch_key are one batch; the bytes of one that was posted before are the '
    'payload of its first row.';
