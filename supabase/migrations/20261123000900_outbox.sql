-- The outbox: claim with a lease, keep the bytes, send (outside), settle. A crash costs time, never a message.

-- Takes up to p_wanted tokens from a provider's bucket. → how many there were
create function private.take_tokens(p_channel text, p_wanted integer) returns integer
    language plpgsql set search_path = '' as $$
declare
    v_rate private.send_rates;
    v_now timestamptz := clock_timestamp();
    v_tokens numeric;
    v_taken integer;
begin
    select * into v_rate from private.send_rates r where r.channel = p_channel for update;
    -- A clock that was set back refills nothing, and takes nothing away.
    v_tokens := least(greatest(v_rate.rate, 1), greatest(v_rate.tokens, 0)
        + v_rate.rate * greatest(extract(epoch from v_now - v_rate.refilled_at), 0)::numeric);
    v_taken := greatest(least(p_wanted, floor(v_tokens)::integer), 0);
    update private.send_rates r set tokens = v_tokens - v_taken, refilled_at = v_now where r.channel = p_channel;
    return v_taken;
end $$;

-- A message ends without being sent.
create function private.skip(p_id uuid, p_reason text) returns void
    language sql set search_path = '' as $$
    update private.outbox o set open = false, lease = null where o.notification_id = p_id;
    update public.notifications n set status = 'skipped', reason = p_reason where n.id = p_id
$$;

-- Why a planned message must not leave any more, seen at the moment of the claim; null: it may.
create function private.stale(n public.notifications, o private.outbox) returns text
    language plpgsql stable set search_path = '' as $$
declare
    b public.bookings;
    d private.booking_details;
    a public.booking_attendees;
    v_told jsonb;
    v_truth jsonb;
begin
    select * into b from public.bookings x where x.id = n.booking_id;
    select * into d from private.booking_details x where x.booking_id = n.booking_id;
    select * into a from public.booking_attendees x where x.id = n.attendee_id;
    v_told := private.last_told(a.id, n.channel, n.ical_uid, false, o.seq);
    v_truth := private.truth_for(b, a, d.host_email);
    if n.ical_uid = b.ical_uid and n.kind <> 'reminder' and (o.target <> v_truth or not o.again
       and private.change_kind(v_told -> 'target', private.last_told(a.id, n.channel, n.ical_uid, true, o.seq), v_truth,
               private.was_moved(d, a)) is distinct from n.kind) then
        return 'superseded';
    end if;
    if b.starts_at <= now() and (v_told is null or o.target ->> 'state' in ('confirmed', 'pending')) then
        return 'started';
    end if;
    return private.silence(b, a, n.channel, n.kind, false);
end $$;

-- What the calendar file of a message says. A CANCEL speaks of the time that the person holds. → null: no file
create function private.calendar_of(n public.notifications, o private.outbox) returns jsonb
    language sql stable set search_path = '' set timezone = 'UTC' as $$
    select jsonb_build_object('method', m.method, 'uid', n.ical_uid, 'sequence', n.revision,
        'starts_at', coalesce(m.held -> 'starts_at', o.target -> 'starts_at'),
        'ends_at', coalesce(m.held -> 'ends_at', o.target -> 'ends_at'), 'stamp', n.created_at)
    from (
        select case
                when n.kind in ('confirmation', 'rescheduled', 'updated', 'reminder') then 'REQUEST'
                when n.kind in ('cancelled', 'pick_new_time') or t.told ->> 'method' = 'REQUEST' then 'CANCEL' end as method,
            case when n.kind not in ('confirmation', 'rescheduled', 'updated', 'reminder')
                  and t.told ->> 'method' = 'REQUEST' then t.told -> 'target' end as held
        from (select private.last_told(n.attendee_id, n.channel, n.ical_uid, true, o.seq) as told) t
    ) m
    where m.method is not null and n.channel = 'email' and n.kind <> 'reminder'
$$;

-- One claimed message with all that rendering it needs.
create function private.claimed(p_id uuid) returns jsonb
    language sql stable set search_path = '' set timezone = 'UTC' as $$
    select to_jsonb(n) - 'ical_uid' || jsonb_build_object(
        'lease', o.lease, 'batch_key', o.batch_key,
        'payload', (select convert_from(p.payload, 'UTF8') from private.outbox_batches p where p.key = o.batch_key),
        'calendar', private.calendar_of(n, o),
        'booking', jsonb_build_object(
            'id', b.id, 'status', b.status, 'reschedule_requested', b.reschedule_requested, 'title', b.title,
            'description', b.description, 'event_type_title', b.event_type_title, 'event_type_slug', b.event_type_slug,
            'starts_at', o.target -> 'starts_at', 'ends_at', o.target -> 'ends_at',
            'location', b.location, 'meeting_url', b.meeting_url,
            'host_name', b.host_name, 'host_email', b.host_email, 'host_time_zone', b.host_time_zone,
            'reply_to', coalesce(b.host_email, (private.settings_for(b.event_type_id)).contact), 'seats', b.seats,
            'cancellation_reason', coalesce(b.cancellation_reason, (
                select e.reason from public.booking_events e
                where e.attendee_id = a.id and e.kind = 'attendee_removed' and a.removed_at is not null
                order by e.id desc limit 1)),
            'cancelled_by', b.cancelled_by, 'series_id', b.series_id,
            'previous_starts_at', t.told #> '{target,starts_at}', 'previous_ends_at', t.told #> '{target,ends_at}',
            'contact', (private.settings_for(b.event_type_id)).contact),
        'attendee', jsonb_build_object(
            'id', a.id, 'email', a.email, 'name', a.name, 'phone', a.phone, 'time_zone', a.time_zone,
            'locale', a.locale, 'role', a.role, 'removed_at', a.removed_at))
    from public.notifications n
    join private.outbox o on o.notification_id = n.id
    join public.bookings b on b.id = n.booking_id
    join public.booking_attendees a on a.id = n.attendee_id
    cross join lateral (select private.last_told(n.attendee_id, n.channel, n.ical_uid, false, o.seq) as told) t
    where n.id = p_id
$$;

-- Something else is on its way to this person, and not settled.
create function private.under_way(n public.notifications) returns boolean
    language sql stable set search_path = '' as $$
    select exists (
        select 1 from public.notifications x
        where x.attendee_id = n.attendee_id and x.channel = n.channel and x.status = 'sending' and x.id <> n.id)
$$;

-- Due messages of one kind of hurry and one channel, earliest first: not what others hold, and one word at a time to a
-- person, so what is under way to them is settled before the next leaves.
create function private.due_messages(p_channel text, p_priority integer, p_booking_id uuid, p_limit integer)
    returns setof uuid
    language plpgsql volatile set search_path = '' as $$
begin
    if p_booking_id is not null then  -- by the booking's index: however much else is due
        return query
        select o.notification_id
        from public.notifications n join private.outbox o on o.notification_id = n.id
        where n.booking_id = p_booking_id and o.open and o.channel = p_channel and o.priority = p_priority
          and o.try_at <= now() and (n.status <> 'planned' or not private.under_way(n))
        order by o.try_at, o.seq limit p_limit for update of o skip locked;
    else
        return query
        select o.notification_id
        from private.outbox o join public.notifications n on n.id = o.notification_id
        where o.open and o.channel = p_channel and o.priority = p_priority and o.try_at <= now()
          and (n.status <> 'planned' or not private.under_way(n))
        order by o.try_at, o.seq limit p_limit for update of o skip locked;
    end if;
end $$;

-- One due message: skipped, given up, or leased. False: left alone, since its booking or person is just being changed.
create function private.claim_one(p_id uuid, p_lease integer) returns boolean
    language plpgsql set search_path = '' as $$
declare
    n public.notifications;
    o private.outbox;
    v_posted boolean;
    v_stale text;
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
    end if;
    update private.outbox x
    set lease = gen_random_uuid(), try_at = clock_timestamp() + make_interval(secs => p_lease),
        first_tried_at = coalesce(x.first_tried_at, clock_timestamp()), batch_key = coalesce(x.batch_key, n.id::text),
        method = case when v_posted then x.method else private.calendar_of(n, o) ->> 'method' end,
        in_doubt = x.in_doubt or v_posted  -- an earlier holder posted these bytes and never said how it ended
    where x.notification_id = n.id;
    update public.notifications x set status = 'sending' where x.id = n.id and x.status <> 'sending';
    return true;
end $$;

-- Claims what is due, cancelled and moved before confirmations before reminders, as far as the providers' budgets go.
-- Messages that must not leave any more come back as skipped. → json array, see private.claimed
create function private.claim_notifications(p_limit integer, p_lease integer, p_booking_id uuid) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_lane record;
    v_id uuid;
    v_tokens jsonb := '{}';  -- channel → what is left of its budget
    v_rows jsonb := '[]';
    v_row jsonb;
begin
    for v_lane in
        select l.priority, c.channel from generate_series(1, 3) l (priority), (values ('email'), ('sms')) c (channel) order by 1, 2
    loop
        exit when jsonb_array_length(v_rows) >= p_limit;
        for v_id in
            select d.id from private.due_messages(v_lane.channel, v_lane.priority, p_booking_id,
                least(p_limit - jsonb_array_length(v_rows), coalesce((v_tokens ->> v_lane.channel)::integer, p_limit))) d (id)
        loop
            if not v_tokens ? v_lane.channel then
                v_tokens := v_tokens || jsonb_build_object(v_lane.channel, private.take_tokens(v_lane.channel, p_limit));
            end if;
            exit when (v_tokens ->> v_lane.channel)::integer = 0;
            continue when not private.claim_one(v_id, p_lease);
            v_row := private.claimed(v_id);
            v_rows := v_rows || jsonb_build_array(v_row);
            if v_row ->> 'status' = 'sending' then
                v_tokens := v_tokens
                    || jsonb_build_object(v_lane.channel, (v_tokens ->> v_lane.channel)::integer - 1);
            end if;
        end loop;
    end loop;
    -- Tokens that were not needed go back.
    update private.send_rates r set tokens = r.tokens + (v_tokens ->> r.channel)::integer where v_tokens ? r.channel;
    return v_rows;
end $$;

-- Keeps the bytes before the first post. A key that is not in the answer has lost its lease.
create function private.store_payloads(p_payloads jsonb) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_stored jsonb;
begin
    with mine as (
        select p.batch_key, p.payload
        from jsonb_to_recordset(p_payloads) p (lease uuid, batch_key text, payload text)
        join private.outbox o on o.batch_key = p.batch_key and o.lease = p.lease and o.try_at > clock_timestamp()),
    kept as (
        insert into private.outbox_batches (key, payload)
        select m.batch_key, convert_to(m.payload, 'UTF8') from mine m
        on conflict (key) do nothing)
    select coalesce(jsonb_agg(distinct m.batch_key), '[]') into v_stored from mine m;
    return jsonb_build_object('stored', v_stored);
end $$;

create function private.status_rank(p_status text) returns integer
    language sql immutable set search_path = '' as $$
    select array_position(
        '{planned,sending,unknown,failed,sent,delivered,bounced,complained}'::text[], p_status)
$$;

-- When to try again: after 15 s, 1, 4, 16 minutes, 1, 4 and 6 hours, each half fixed and half by chance, so that a
-- provider may be away for hours and is not met by everybody at once.
create function private.next_try(p_tries integer) returns timestamptz
    language sql volatile set search_path = '' as $$
    select clock_timestamp() + (0.5 + random() / 2) * least(interval '15 seconds' * 4 ^ (p_tries - 1), interval '6 hours')
$$;

-- A try that did not end the message. Certainly refused: it is planned again, may be superseded and is rendered anew.
-- In doubt: only the same bytes may be posted again. After 8 tries it ends. → the final status, or null
create function private.settle_retry(n public.notifications, o private.outbox, p_result jsonb) returns text
    language plpgsql set search_path = '' as $$
declare
    v_in_doubt constant boolean := o.in_doubt or coalesce(p_result -> 'accepted' <> 'false', true);
    v_tries constant integer := o.tries + case when p_result -> 'rate_limited' = 'true' then 0 else 1 end;  -- 429 is free
begin
    update public.notifications x set attempts = x.attempts + v_tries - o.tries where x.id = n.id;
    if v_tries >= 8 then
        return case when v_in_doubt then 'unknown' else 'failed' end;
    end if;
    update private.outbox x
    set lease = null, tries = v_tries, in_doubt = v_in_doubt,
        try_at = coalesce((p_result ->> 'retry_at')::timestamptz, private.next_try(v_tries))
    where x.notification_id = n.id;
    if not v_in_doubt then
        update private.outbox x set first_tried_at = null where x.notification_id = n.id;
        delete from private.outbox_batches p where p.key = o.batch_key;
        if exists (select 1 from public.notifications x
                   where x.attendee_id = n.attendee_id and x.channel = n.channel and x.ical_uid = n.ical_uid
                     and x.status = 'planned' and x.kind <> 'reminder' and n.kind <> 'reminder') then
            perform private.skip(n.id, 'superseded');
        else
            update public.notifications x set status = 'planned' where x.id = n.id;
        end if;
        perform private.plan_again(n);
    end if;
    return null;
end $$;

-- How one try ended. A late "sent" always counts, anything else only from the holder of the lease. → counted
create function private.settle_one(p_result jsonb) returns boolean
    language plpgsql set search_path = '' as $$
declare
    n public.notifications;
    o private.outbox;
    v_outcome text := p_result ->> 'outcome';
begin
    select * into o from private.outbox x where x.notification_id = (p_result ->> 'id')::uuid for update;
    select * into n from public.notifications x where x.id = o.notification_id for update;
    update private.send_rates r set rate = greatest((p_result ->> 'rate_limit')::numeric, 0.1)
    where r.channel = n.channel and r.rate <> (p_result ->> 'rate_limit')::numeric;
    if v_outcome = 'retry' and p_result -> 'rate_limited' = 'true' and p_result ->> 'rate_limit' is not null then
        update private.send_rates r set tokens = 0, refilled_at = clock_timestamp() where r.channel = n.channel;
    end if;
    if n.id is null
       or v_outcome <> 'sent' and (not o.open or o.lease is distinct from (p_result ->> 'lease')::uuid) then
        return false;
    end if;
    insert into private.delivery_attempts (notification_id, outcome, error)
    values (n.id, v_outcome, left(p_result ->> 'error', 200));
    if v_outcome = 'retry' then
        v_outcome := private.settle_retry(n, o, p_result);
        if v_outcome is null then
            return true;
        end if;
    else
        update public.notifications x set attempts = x.attempts + 1 where x.id = n.id;
    end if;
    update private.outbox x set open = false, lease = null, in_doubt = false where x.notification_id = n.id;
    delete from private.outbox_batches p
    where p.key = o.batch_key and not exists (select 1 from private.outbox x where x.batch_key = p.key and x.open);
    update public.notifications x
    set status = case when x.status = 'skipped' or private.status_rank(v_outcome) > private.status_rank(x.status)
                      then v_outcome else x.status end,
        reason = case when v_outcome = 'sent' and x.status <> 'bounced' then null
                      when v_outcome = 'sent' then x.reason else left(p_result ->> 'error', 200) end,
        provider_id = coalesce(p_result ->> 'provider_id', x.provider_id),
        sent_at = case when v_outcome = 'sent' then coalesce(x.sent_at, clock_timestamp()) else x.sent_at end
    where x.id = n.id;
    perform private.apply_receipts(n.id);
    if v_outcome = 'failed' or n.status <> 'sending' then  -- they were told less, or more, than was thought
        perform private.plan_again(n);
    end if;
    return true;
end $$;

create function private.settle_notifications(p_results jsonb) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_booking_ids uuid[];
    v_settled integer;
begin
    select coalesce(array_agg(distinct n.booking_id), '{}') into v_booking_ids
    from jsonb_array_elements(p_results) r (r) join public.notifications n on n.id = (r.r ->> 'id')::uuid;
    perform 1 from public.bookings b where b.id = any (v_booking_ids) order by b.id for share;
    perform pg_advisory_xact_lock(hashtextextended('person:' || w.who, 0))
    from (select distinct coalesce(a.email, a.phone) as who
          from jsonb_array_elements(p_results) r (r)
          join public.notifications n on n.id = (r.r ->> 'id')::uuid
          join public.booking_attendees a on a.id = n.attendee_id
          order by 1) w;
    select count(*) filter (where s.counted) into v_settled
    from (select private.settle_one(r.r) as counted
          from (select x.r from jsonb_array_elements(p_results) x (r) order by x.r ->> 'id') r) s;
    return jsonb_build_object('settled', v_settled);
end $$;

-- The heartbeat of a job, and a row of its own for a run that did something. → {"backlog": due and not sent}
create function private.finish_job(p_job text, p_started_at timestamptz, p_result jsonb, p_error text) returns jsonb
    language plpgsql security definer set search_path = '' as $$
begin
    insert into public.job_runs (job, started_at, finished_at, result, error, heartbeat)
    values (p_job, p_started_at, now(), p_result, p_error, true)
    on conflict (job) where heartbeat do update
    set started_at = excluded.started_at, finished_at = excluded.finished_at, result = excluded.result, error = excluded.error;
    if p_error is not null
       or jsonb_path_exists(p_result, '$.keyvalue() ? (@.key != "backlog" && @.value.type() == "number" && @.value > 0)') then
        insert into public.job_runs (job, started_at, finished_at, result, error)
        values (p_job, p_started_at, now(), p_result, p_error);
    end if;
    return jsonb_build_object('backlog',
        (select count(*) from generate_series(1, 3) l (priority), (values ('email'), ('sms')) c (channel), lateral (
            select 1 from private.outbox o
            where o.open and o.priority = l.priority and o.channel = c.channel and o.try_at <= now() limit 10000) x));
end $$;

create function public.claim_notifications(p_limit integer, p_lease integer, p_booking_id uuid default null) returns jsonb
    language sql security invoker set search_path = ''
    as $$ select private.claim_notifications(p_limit, p_lease, p_booking_id) $$;
create function public.store_payloads(p_payloads jsonb) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.store_payloads(p_payloads) $$;
create function public.settle_notifications(p_results jsonb) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.settle_notifications(p_results) $$;
create function public.finish_job(p_job text, p_started_at timestamptz, p_result jsonb, p_error text) returns jsonb
    language sql security invoker set search_path = ''
    as $$ select private.finish_job(p_job, p_started_at, p_result, p_error) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.claim_notifications(integer, integer, uuid), public.store_payloads(jsonb),
    public.settle_notifications(jsonb), public.finish_job(text, timestamptz, jsonb, text)
    from public, anon, authenticated;
grant execute on function private.claim_notifications(integer, integer, uuid), private.store_payloads(jsonb),
    private.settle_notifications(jsonb), private.finish_job(text, timestamptz, jsonb, text) to service_role;
grant execute on function public.claim_notifications(integer, integer, uuid), public.store_payloads(jsonb),
    public.settle_notifications(jsonb), public.finish_job(text, timestamptz, jsonb, text) to service_role;
comment on function public.claim_notifications(integer, integer, uuid) is
    'Leases what is due (p_lease seconds); p_booking_id null: of all bookings. → json array of messages with what rendering needs.';
comment on function public.settle_notifications(jsonb) is
    '[{"id", "lease", "outcome": "sent|failed|unknown|retry", "provider_id"?, "error"?, "retry_at"?, "accepted"?, "rate_limit"?, "rate_limited"?}]';
