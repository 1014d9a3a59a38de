-- The only writer of bookings: inbox row, reports, bookings, timeline and the messages owed, in one transaction.

-- Who did it, as far as this change tells.
create function private.context_of(p_event jsonb, p_change jsonb) returns jsonb
    language sql immutable set search_path = '' as $$
    select jsonb_build_object(
        'source', p_event ->> 'source',
        'actor_kind', coalesce(p_event ->> 'actor_kind', p_change ->> 'by', 'calcom'),
        'actor', p_event ->> 'actor',
        'batch_id', p_event ->> 'batch_id',
        'reason', coalesce(p_event ->> 'reason', p_change ->> 'reason'),
        'occurred_at', coalesce(p_change ->> 'at', p_event ->> 'received_at'))
$$;

-- What bodies cannot decide is looked up later.
create function private.leave_doubts(r private.reports) returns void
    language plpgsql set search_path = '' as $$
begin
    if r."trigger" = 'CANCELLED' and (select d.seated from private.booking_details d where d.booking_id = r.booking_id) then
        perform private.doubt(r.booking_id, 'seat_cancelled', 'a seat or the whole booking');
    end if;
    if r."trigger" = 'RESCHEDULED' and r.people is null then
        perform private.doubt(r.booking_id, 'move_names_nobody', 'a move without attendees');
    end if;
    if r."trigger" = 'REJECTED' and (select d.moved from private.booking_details d where d.booking_id = r.booking_id) then
        perform private.doubt(r.booking_id, 'move_rejected', 'is the old time still held?');
    end if;
    if r."trigger" = 'CANCELLED' and r.recurring and r.series is null then
        perform private.doubt(r.booking_id, 'series_without_id', 'which other bookings of the series are cancelled?');
    end if;
end $$;

-- Started, ended, no show: an entry in the timeline, once.
create function private.note_meeting(r private.reports, p_context jsonb) returns void
    language plpgsql set search_path = '' as $$
declare
    v_kind text := case r."trigger" when 'STARTED' then 'started' when 'ENDED' then 'ended' else 'no_show' end;
begin
    if v_kind <> 'no_show' then
        perform private.tell_story(r.booking_id, v_kind, p_context, '{}', 'everyone', null);
        return;
    end if;
    perform private.tell_story(r.booking_id, v_kind, p_context,
        jsonb_build_object('absent', jsonb_build_array(null, p.person -> 'absent')),
        case when a.id is null then 'staff' else 'attendee' end, a.id)
    from jsonb_array_elements(coalesce(r.people, '[{"absent": true}]')) p (person)
    left join public.booking_attendees a
        on a.booking_id = r.booking_id and coalesce(a.email, a.phone) = coalesce(p.person ->> 'email', p.person ->> 'phone');
end $$;

-- Puts a stored report with its booking: a new one, the known one, or several that turn out to be one. → it was several
create function private.attach_report(p_report_id bigint, p_context jsonb) returns boolean
    language plpgsql set search_path = '' as $$
declare
    v_ids uuid[] := private.bookings_of_report(p_report_id);
begin
    update private.reports r
    set booking_id = case cardinality(v_ids)
        when 0 then gen_random_uuid() when 1 then v_ids[1] else private.merge_bookings(v_ids, p_context) end
    where r.id = p_report_id;
    return cardinality(v_ids) > 1;
end $$;

-- Notes on a meeting that came before anything else was known of it, and wait for this report.
create function private.notes_waiting_for(p_report_id bigint) returns setof bigint
    language sql stable set search_path = '' as $$
    select distinct w.id
    from private.report_keys mine
    join private.report_keys other on other.key = mine.key and other.binds = 'none'
    join private.reports w on w.id = other.report_id
    where mine.report_id = p_report_id and mine.binds <> 'none' and w.phase < 0 and w.booking_id is null
$$;

-- Row locks on every booking that these reports decide, in id order, again until that set stands still.
create function private.lock_bookings(p_report_ids bigint[]) returns void
    language plpgsql set search_path = '' as $$
declare
    v_locked uuid[] := '{}';
    v_wanted uuid[];
begin
    loop
        select coalesce(array_agg(distinct b.id order by b.id), '{}') into v_wanted
        from unnest(p_report_ids) r (id), lateral (
            select unnest(private.bookings_of_report(r.id))
            union all select unnest(private.bookings_touched_by(r.id))) b (id);
        exit when v_wanted <@ v_locked;
        perform 1 from public.bookings b where b.id = any (v_wanted) order by b.id for update;
        v_locked := v_wanted;
    end loop;
end $$;

-- Applies the changes of one event. → {"booking_id", "bookings": [{"id", "changed", "due": messages}], "waiting": n}
create function private.apply_event(p_event jsonb) returns jsonb
    language plpgsql set search_path = '' set timezone = 'UTC' as $$
declare
    v_changes jsonb[] := array(
        select c.change from jsonb_array_elements(p_event -> 'changes') with ordinality c (change, n) order by c.n);
    v_stored private.stored_report[] := '{}';
    v_change jsonb;
    v_report private.reports;
    v_booking_id uuid;
    v_contexts jsonb := '{}';  -- booking → the context of the change that touches it first
    v_notes bigint[] := '{}';
    v_news bigint[] := '{}';
    v_merged bigint[] := '{}';
    v_waiting integer := 0;
    v_changed boolean;
    v_bookings jsonb := '[]';
begin
    perform pg_advisory_xact_lock(hashtextextended(k.key, 0))
    from (select distinct n.key from unnest(v_changes) c (change), private.lock_names(c.change) n (key) order by 1) k;
    foreach v_change in array v_changes loop
        v_stored := v_stored || private.store_report(v_change, p_event ->> 'source');
    end loop;
    perform private.lock_bookings(array(select s.id from unnest(v_stored) s));

    for i in 1 .. coalesce(cardinality(v_stored), 0) loop
        select * into v_report from private.reports r where r.id = (v_stored[i]).id;
        if v_report.phase < 0 then
            v_booking_id := coalesce(v_report.booking_id, private.booking_of_note(v_report.id));
            if v_booking_id is null then
                v_waiting := v_waiting + 1;
                continue;
            end if;
            v_notes := v_notes || case when v_report.booking_id is null then v_report.id end;
            update private.reports r set booking_id = v_booking_id where r.id = v_report.id;
        elsif (v_stored[i]).changed then
            if private.attach_report(v_report.id, private.context_of(p_event, v_changes[i])) then
                v_merged := v_merged || v_report.id;
            end if;
            select r.booking_id into v_booking_id from private.reports r where r.id = v_report.id;
            v_news := v_news || v_report.id;
            with woken as (
                update private.reports r set booking_id = v_booking_id
                where r.id in (select private.notes_waiting_for(v_report.id)) returning r.id)
            select v_notes || coalesce(array_agg(w.id), '{}') into v_notes from woken w;
        else
            v_booking_id := v_report.booking_id;
        end if;
        if (v_stored[i]).resent then
            perform private.doubt(v_booking_id, 'resent', 'a ' || v_report."trigger" || ' came again after something newer');
        end if;
    end loop;

    -- Merging may have moved reports, so where they ended is read again.
    select coalesce(jsonb_object_agg(x.booking_id, x.context), '{}') into v_contexts
    from (
        select distinct on (b.booking_id) b.booking_id, private.context_of(p_event, v_changes[s.n]) as context
        from unnest(v_stored) with ordinality s (id, is_new, changed, resent, n)
        join private.reports r on r.id = s.id
        cross join lateral (
            select r.booking_id, 0 union all select unnest(private.bookings_touched_by(r.id)), 1) b (booking_id, rank)
        where s.changed and b.booking_id is not null
        order by b.booking_id, b.rank, s.n) x;
    for v_booking_id in select k.id::uuid from jsonb_object_keys(v_contexts) k (id) order by 1 loop
        v_changed := private.write_booking(v_booking_id, v_contexts -> v_booking_id::text)
            or exists (select 1 from private.reports r where r.id = any (v_merged) and r.booking_id = v_booking_id);
        for v_report in select * from private.reports r where r.id = any (v_notes) and r.booking_id = v_booking_id loop
            perform private.note_meeting(v_report, jsonb_build_object(
                'source', v_report.source, 'actor_kind', 'calcom', 'occurred_at', v_report.at));
            v_changed := true;
        end loop;
        v_bookings := v_bookings || jsonb_build_object('id', v_booking_id, 'changed', v_changed);
    end loop;
    for v_report in select * from private.reports r where r.id = any (v_news) loop
        perform private.leave_doubts(v_report);
    end loop;
    perform private.lock_people(array(select (b ->> 'id')::uuid from jsonb_array_elements(v_bookings) b));
    for v_booking_id in select (b ->> 'id')::uuid from jsonb_array_elements(v_bookings) b loop
        perform private.plan(v_booking_id, coalesce(p_event ->> 'notify', 'all'));
    end loop;
    select coalesce(jsonb_agg(b || jsonb_build_object('due', (
        select count(*) from public.notifications n join private.outbox o on o.notification_id = n.id
        where n.booking_id = (b ->> 'id')::uuid and o.open and o.try_at <= now()))), '[]')
    into v_bookings from jsonb_array_elements(v_bookings) b;
    select r.booking_id into v_booking_id from private.reports r where r.id = (v_stored[1]).id;
    return jsonb_build_object('booking_id', v_booking_id, 'bookings', v_bookings, 'waiting', v_waiting);
end $$;

-- Applies in a subtransaction: if it fails the inbox row stays, with its error. → as apply_event, or {"error"}
create function private.try_event(p_event jsonb) returns jsonb
    language plpgsql set search_path = '' set lock_timeout = '2s' as $$
begin
    for i in 1 .. 3 loop
        begin
            return private.apply_event(p_event);
        exception
            when deadlock_detected or lock_not_available or serialization_failure then
                if i = 3 then
                    return jsonb_build_object('error', sqlstate || ': busy');
                end if;
            when query_canceled or others then  -- too slow for the statement's time is kept like any other failure
                return jsonb_build_object('error', sqlstate || ': ' || sqlerrm);
        end;
    end loop;
end $$;

create function private.outcome_of(p_result jsonb) returns text
    language sql immutable set search_path = '' as $$
    select case
        when p_result ? 'error' then 'quarantined'
        when jsonb_path_exists(p_result, '$.bookings[*].changed ? (@ == true)') then 'applied'
        when (p_result ->> 'waiting')::integer > 0 then 'quarantined'
        else 'duplicate' end
$$;

-- Keeps what an event would have done, to be tried again. A note on a booking that nobody knows is a doubt too.
create function private.keep_pending(p_event_id uuid, p_event jsonb, p_result jsonb) returns void
    language plpgsql set search_path = '' as $$
declare
    v_doubt_id uuid;
begin
    if exists (select 1 from private.pending_events p where p.event_id = p_event_id) then
        return;
    end if;
    if not p_result ? 'error' then
        insert into public.doubts (kind, detail) values ('unknown_booking', p_event #>> '{changes,0,trigger}')
        returning id into v_doubt_id;
    end if;
    insert into private.pending_events (event_id, event, doubt_id) values (p_event_id, p_event, v_doubt_id);
end $$;

-- Definer: service_role has no rights on the machinery's tables.
create function private.record_event(p_event jsonb) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_has_body constant boolean := p_event ->> 'sha256' is not null;
    v_inbox public.webhook_events;
    v_result jsonb := '{"bookings": []}';
    v_outcome text := case when p_event ->> 'error' is not null then 'quarantined' else 'ignored' end;
    v_error text := p_event ->> 'error';
begin
    p_event := private.redact_erased_event(p_event);
    if v_has_body then
        insert into public.webhook_events ("trigger", received_at, outcome, error, body, sha256)
        values (p_event ->> 'trigger', (p_event ->> 'received_at')::timestamptz, v_outcome, v_error,
            p_event -> 'body', p_event ->> 'sha256')
        on conflict (sha256) do nothing
        returning * into v_inbox;
        if v_inbox.id is null then
            select * into strict v_inbox from public.webhook_events w where w.sha256 = p_event ->> 'sha256' for update;
            if v_inbox.outcome <> 'quarantined' then
                return jsonb_build_object('outcome', 'duplicate', 'booking_id', v_inbox.booking_id, 'bookings', '[]'::jsonb,
                    'event_id', v_inbox.id);
            end if;
        end if;
    end if;
    if jsonb_array_length(coalesce(p_event -> 'changes', '[]')) > 0 then
        v_result := private.try_event(p_event);
        v_outcome := private.outcome_of(v_result);
        v_error := coalesce(v_result ->> 'error', case when v_outcome = 'quarantined' then 'unknown booking' end);
    end if;
    if v_has_body then
        update public.webhook_events w
        set outcome = v_outcome, error = v_error, booking_id = (v_result ->> 'booking_id')::uuid
        where w.id = v_inbox.id;
        if v_outcome = 'quarantined' and jsonb_array_length(coalesce(p_event -> 'changes', '[]')) > 0 then
            perform private.keep_pending(v_inbox.id, p_event - 'body', v_result);
        else
            perform private.forget_pending(p, 'applied') from private.pending_events p where p.event_id = v_inbox.id;
        end if;
    end if;
    return jsonb_strip_nulls(jsonb_build_object(
        'outcome', v_outcome, 'booking_id', v_result -> 'booking_id',
        'bookings', coalesce(v_result -> 'bookings', '[]'), 'event_id', v_inbox.id));
end $$;

-- The sweep tries again what could not be applied: soon at first, then each time twice as late, for some days. One event
-- a transaction is best: its locks are not held while the next one waits. → {"tried": n, "applied": n}
create function private.forget_pending(p private.pending_events, p_outcome text) returns void
    language sql set search_path = '' as $$
    delete from private.pending_events x where x.event_id = p.event_id;
    update public.doubts d set resolved_at = now(), outcome = p_outcome where d.id = p.doubt_id and d.resolved_at is null
$$;

create function private.retry_events(p_limit integer) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_pending private.pending_events;
    v_result jsonb;
    v_outcome text;
    v_applied integer := 0;
    v_tried integer := 0;
begin
    for v_pending in
        select * from private.pending_events p where p.try_at <= now() order by p.try_at limit p_limit
        for update skip locked
    loop
        v_tried := v_tried + 1;
        v_result := private.try_event(private.redact_erased_event(v_pending.event));
        v_outcome := private.outcome_of(v_result);
        if v_outcome = 'quarantined' then
            update private.pending_events p
            set tries = p.tries + 1, try_at = now() + least(interval '15 seconds' * 2 ^ p.tries, interval '6 hours')
            where p.event_id = v_pending.event_id;
            update public.webhook_events w
            set error = case when v_pending.tries >= 25 then 'given up: ' else '' end
                || coalesce(v_result ->> 'error', 'unknown booking')
            where w.id = v_pending.event_id;
            if v_pending.tries >= 25 then
                perform private.forget_pending(v_pending, 'given up');
            end if;
        else
            v_applied := v_applied + 1;
            update public.webhook_events w
            set outcome = 'applied', error = null, booking_id = (v_result ->> 'booking_id')::uuid
            where w.id = v_pending.event_id;
            perform private.forget_pending(v_pending, 'applied');
        end if;
    end loop;
    return jsonb_build_object('tried', v_tried, 'applied', v_applied);
end $$;

create function public.record_event(p_event jsonb) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.record_event(p_event) $$;

create function public.retry_events(p_limit integer) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.retry_events(p_limit) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.record_event(jsonb), public.retry_events(integer) from public, anon, authenticated;
grant execute on function private.record_event(jsonb), private.retry_events(integer) to service_role;
grant execute on function public.record_event(jsonb), public.retry_events(integer) to service_role;
comment on function public.record_event(jsonb) is
    'The only writer of bookings. {"source", "trigger"?, "body"?, "sha256"?, "received_at", "notify", "changes"} → {"outcome", "booking_id"?, "bookings", "event_id"}';
