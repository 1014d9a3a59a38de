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
    v_tokens := least(greatest(v_rate.rate, 1),
                      v_rate.tokens + v_rate.rate * extract(epoch from v_now - v_rate.refilled_at)::numeric);
    v_taken := least(p_wanted, floor(v_tokens)::integer);
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
begin
    select * into b from public.bookings x where x.id = n.booking_id;
    select * into d from private.booking_details x where x.booking_id = n.booking_id;
    select * into a from public.booking_attendees x where x.id = n.attendee_id;
    v_told := private.last_told(a.id, n.channel, n.ical_uid, false);
    if n.ical_uid = b.ical_uid and n.kind <> 'reminder'
       and not (o.again and o.target = private.truth_for(b, a, d.host_email))
       and private.change_kind(v_told -> 'target', private.truth_for(b, a, d.host_email), private.was_moved(d, a))
           is distinct from n.kind then
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
        from (select private.last_told(n.attendee_id, n.channel, n.ical_uid, true) as told) t
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
    left join lateral (
        select jsonb_build_object('target', x.target) as told
        from public.notifications y join private.outbox x on x.notification_id = y.id
        where y.attendee_id = n.attendee_id and y.channel = n.channel and y.ical_uid = n.ical_uid
          and y.kind <> 'reminder' and x.seq < o.seq
          and y.status in ('sending', 'unknown', 'sent', 'delivered', 'bounced', 'complained')
        order by x.seq desc limit 1) t on true
    where n.id = p_id
$$;

-- Claims what is due, cancelled and moved before confirmations before reminders. Skips what others hold. Rows that
-- must not leave any more come back as skipped. → json array, see private.claimed
create function private.claim_notifications(p_limit integer, p_lease integer, p_booking_id uuid) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_tokens jsonb := '{}';
    v_due record;
    n public.notifications;
    o private.outbox;
    v_stale text;
    v_rows jsonb := '[]';
begin
    for v_due in
        with due as (
            select c.notification_id, c.priority, c.try_at
            from (values (1), (2), (3)) p (priority), lateral (
                select q.notification_id, q.priority, q.try_at from private.outbox q
                where p_booking_id is null and q.open and q.priority = p.priority and q.try_at <= now()
                order by q.try_at limit p_limit) c
            union all
            select q.notification_id, q.priority, q.try_at
            from public.notifications m join private.outbox q on q.notification_id = m.id
            where m.booking_id = p_booking_id and q.open and q.try_at <= now())
        select q.notification_id as id, coalesce(a.email, a.phone) as who
        from due
        join private.outbox q on q.notification_id = due.notification_id
        join public.notifications m on m.id = q.notification_id
        join public.booking_attendees a on a.id = m.attendee_id
        order by due.priority, due.try_at, q.seq
        limit p_limit
        for update of q skip locked
    loop
        continue when not pg_try_advisory_xact_lock(hashtextextended('person:' || v_due.who, 0));
        select * into n from public.notifications x where x.id = v_due.id for update;
        select * into o from private.outbox x where x.notification_id = v_due.id;
        continue when not o.open;
        -- One word at a time: what is under way to a person is settled before the next leaves.
        continue when n.status = 'planned' and exists (
            select 1 from public.notifications x
            where x.attendee_id = n.attendee_id and x.channel = n.channel and x.status = 'sending' and x.id <> n.id);
        if n.status = 'planned' then
            v_stale := private.stale(n, o);
            if v_stale is not null then
                perform private.skip(n.id, v_stale);
                v_rows := v_rows || jsonb_build_array(private.claimed(n.id));
                continue;
            end if;
        elsif o.first_tried_at < now() - interval '23 hours' then  -- keys live 24 h: sending again might send twice
            update public.notifications x set status = 'unknown' where x.id = n.id;
            update private.outbox x set open = false, lease = null where x.notification_id = n.id;
            continue;
        end if;
        if not v_tokens ? n.channel then
            v_tokens := v_tokens || jsonb_build_object(n.channel, private.take_tokens(n.channel, p_limit));
        end if;
        continue when (v_tokens ->> n.channel)::integer <= 0;
        v_tokens := v_tokens || jsonb_build_object(n.channel, (v_tokens ->> n.channel)::integer - 1);
        if n.status = 'planned' then
            update private.outbox x
            set method = private.calendar_of(n, o) ->> 'method', batch_key = coalesce(x.batch_key, n.id::text)
            where x.notification_id = n.id;
            update public.notifications x set status = 'sending' where x.id = n.id;
        end if;
        update private.outbox x
        set lease = gen_random_uuid(), try_at = clock_timestamp() + make_interval(secs => p_lease),
            first_tried_at = coalesce(x.first_tried_at, clock_timestamp())
        where x.notification_id = n.id;
        v_rows := v_rows || jsonb_build_array(private.claimed(n.id));
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

-- When to try again: full jitter over 4, 8, 16 … seconds, an hour at most.
create function private.next_try(p_tries integer) returns timestamptz
    language sql volatile set search_path = '' as $$
    select clock_timestamp() + random() * least(interval '4 seconds' * 2 ^ p_tries, interval '1 hour')
$$;

-- How each try ended. A late "sent" always counts, anything else only from the holder of the lease.
create function private.settle_notifications(p_results jsonb) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_result jsonb;
    n public.notifications;
    o private.outbox;
    v_outcome text;
    v_refused boolean;
    v_settled integer := 0;
begin
    perform pg_advisory_xact_lock(hashtextextended('person:' || w.who, 0))
    from (select distinct coalesce(a.email, a.phone) as who
          from jsonb_array_elements(p_results) r (r)
          join public.notifications x on x.id = (r.r ->> 'id')::uuid
          join public.booking_attendees a on a.id = x.attendee_id
          order by 1) w;
    for v_result in select r.r from jsonb_array_elements(p_results) r (r) order by r.r ->> 'id' loop
        select * into o from private.outbox x where x.notification_id = (v_result ->> 'id')::uuid for update;
        select * into n from public.notifications x where x.id = o.notification_id for update;
        v_outcome := v_result ->> 'outcome';
        if v_result ->> 'rate_limit' is not null then
            update private.send_rates r set rate = greatest((v_result ->> 'rate_limit')::numeric, 0.1)
            where r.channel = n.channel and r.rate <> (v_result ->> 'rate_limit')::numeric;
        end if;
        continue when n.id is null or v_outcome <> 'sent' and o.lease is distinct from (v_result ->> 'lease')::uuid;
        continue when not o.open and v_outcome <> 'sent';
        v_refused := v_result -> 'accepted' = 'false';
        insert into private.delivery_attempts (notification_id, outcome, error)
        values (n.id, v_outcome, left(v_result ->> 'error', 200));
        v_settled := v_settled + 1;
        if v_outcome = 'retry' then
            if not coalesce((v_result ->> 'rate_limited')::boolean, false) then  -- 429 costs no try
                o.tries := o.tries + 1;
                update public.notifications x set attempts = x.attempts + 1 where x.id = n.id;
            end if;
            o.in_doubt := o.in_doubt or not v_refused;
            if o.tries < 8 then
                update private.outbox x
                set lease = null, tries = o.tries, in_doubt = o.in_doubt,
                    try_at = coalesce((v_result ->> 'retry_at')::timestamptz, private.next_try(o.tries))
                where x.notification_id = n.id;
                if not o.in_doubt then  -- certainly not taken: it may still be superseded, and is rendered anew
                    update public.notifications x set status = 'planned' where x.id = n.id;
                    update private.outbox x set first_tried_at = null where x.notification_id = n.id;
                    delete from private.outbox_batches p where p.key = o.batch_key;
                    perform private.plan(n.booking_id, 'all');
                end if;
                continue;
            end if;
            v_outcome := case when o.in_doubt then 'unknown' else 'failed' end;
        else
            update public.notifications x set attempts = x.attempts + 1 where x.id = n.id;
        end if;
        update private.outbox x set open = false, lease = null, tries = o.tries, in_doubt = false
        where x.notification_id = n.id;
        delete from private.outbox_batches p where p.key = o.batch_key;
        update public.notifications x
        set status = case when x.status = 'skipped' or private.status_rank(v_outcome) > private.status_rank(x.status)
                          then v_outcome else x.status end,
            reason = case when v_outcome = 'sent' then x.reason else left(v_result ->> 'error', 200) end,
            provider_id = coalesce(v_result ->> 'provider_id', x.provider_id),
            sent_at = case when v_outcome = 'sent' then coalesce(x.sent_at, clock_timestamp()) else x.sent_at end
        where x.id = n.id;
        perform private.apply_receipts(n.id);
    end loop;
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
        (select count(*) from (select 1 from private.outbox o where o.open and o.try_at <= now() limit 10000) x));
end $$;

create function public.claim_notifications(p_limit integer, p_lease integer, p_booking_id uuid) returns jsonb
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
