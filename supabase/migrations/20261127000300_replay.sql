-- Bodies that were kept are read again, by today's parser, and applied like new ones. A look at what that would do is the
-- same in a transaction that is rolled back.

-- Keeps what an event would have done, to be tried again; of an event that waits already what is read in it today. A note
-- on a booking that nobody knows is a doubt too.
create or replace function private.keep_pending(p_event_id uuid, p_event jsonb, p_result jsonb) returns void
    language plpgsql set search_path = '' as $$
declare
    v_doubt_id uuid;
begin
    if exists (select 1 from private.pending_events p where p.event_id = p_event_id) then
        update private.pending_events p set event = p.event || jsonb_build_object('changes', p_event -> 'changes')
        where p.event_id = p_event_id and p.event -> 'changes' <> p_event -> 'changes';
        return;
    end if;
    if not p_result ? 'error' then
        insert into public.doubts (kind, detail) values ('unknown_booking', p_event #>> '{changes,0,trigger}')
        returning id into v_doubt_id;
    end if;
    insert into private.pending_events (event_id, event, doubt_id) values (p_event_id, p_event, v_doubt_id);
end $$;

-- Applies an event and writes down on its inbox row (null: it has none) what became of it. What a body has once brought
-- about stays so: read again, it is no news, or it cannot be applied just now. → as record_event, with "error"
create function private.apply_kept(p_event_id uuid, p_event jsonb) returns jsonb
    language plpgsql set search_path = '' as $$
declare
    v_has_changes constant boolean := jsonb_array_length(coalesce(nullif(p_event -> 'changes', 'null'), '[]')) > 0;
    v_result jsonb := '{}';
    v_outcome text := case when p_event ->> 'error' is not null then 'quarantined' else 'ignored' end;
    v_error text := p_event ->> 'error';
begin
    if v_has_changes then
        v_result := private.try_event(p_event);
        v_outcome := private.outcome_of(v_result);
        v_error := coalesce(v_result ->> 'error', case when v_outcome = 'quarantined' then 'unknown booking' end);
    end if;
    update public.webhook_events w
    set "trigger" = coalesce(p_event ->> 'trigger', w."trigger"), outcome = v_outcome, error = v_error,
        booking_id = coalesce((v_result ->> 'booking_id')::uuid, w.booking_id)
    where w.id = p_event_id and (v_outcome = 'applied' or w.outcome in ('quarantined', 'ignored'));
    if found and v_outcome <> 'quarantined' then
        perform private.forget_pending(p, 'applied') from private.pending_events p where p.event_id = p_event_id;
    elsif found and v_has_changes then
        perform private.keep_pending(p_event_id, p_event - 'body', v_result);
    end if;
    return jsonb_strip_nulls(jsonb_build_object('outcome', v_outcome, 'error', v_error, 'event_id', p_event_id,
        'booking_id', v_result -> 'booking_id', 'bookings', coalesce(v_result -> 'bookings', '[]')));
end $$;

-- As before; what follows on the inbox row is shared with a replay.
create or replace function private.record_event(p_event jsonb) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_inbox public.webhook_events;
begin
    p_event := private.redact_erased_event(p_event);
    if p_event ->> 'sha256' is not null then
        insert into public.webhook_events ("trigger", received_at, outcome, error, body, sha256)
        values (p_event ->> 'trigger', (p_event ->> 'received_at')::timestamptz,
            case when p_event ->> 'error' is not null then 'quarantined' else 'ignored' end, p_event ->> 'error',
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
    return private.apply_kept(v_inbox.id, p_event) - 'error';
end $$;

-- The bookings that a change may touch: all that share a name with it, however loosely (see bookings_touched_by).
create function private.bookings_in_reach(p_change jsonb) returns setof uuid
    language plpgsql stable set search_path = '' as $$
begin
    return query
    select distinct r.booking_id
    from private.names_of(jsonb_populate_record(null::private.reports,
        '{"recurring": false, "seated": false}' || private.normalise(p_change)
        || jsonb_build_object('phase', private.phase(p_change ->> 'trigger')))) n
    cross join lateral (values (n.key), (replace(n.key, 'left:', 'uid:')), (replace(n.key, 'left:', 'seat:'))) x (key)
    join private.report_keys k on k.key = x.key
    join private.reports r on r.id = k.report_id
    where r.booking_id is not null and (x.key not like 'series:%' or p_change ->> 'trigger' = 'CANCELLED');
end $$;

-- All locks for these events, before the first is applied and in the order of all who write. → the bookings in reach
create function private.lock_replayed(p_events jsonb) returns uuid[]
    language plpgsql set search_path = '' as $$
declare
    v_event_ids constant uuid[] := array(select (e ->> 'id')::uuid from jsonb_array_elements(p_events) e);
    v_changes constant jsonb[] := array(
        select c.change from jsonb_array_elements(p_events) e, jsonb_array_elements(e -> 'changes') c (change));
    v_booking_ids uuid[];
begin
    perform pg_advisory_xact_lock_shared(hashtextextended('erasure', 0));
    perform 1 from private.pending_events p where p.event_id = any (v_event_ids) order by p.event_id for update;
    perform 1 from public.webhook_events w where w.id = any (v_event_ids) order by w.id for update;
    perform pg_advisory_xact_lock(hashtextextended(k.key, 0))
    from (select distinct n.key from unnest(v_changes) c (change), private.lock_names(c.change) n (key) order by 1) k;
    v_booking_ids := array(
        select distinct b.id from unnest(v_changes) c (change), private.bookings_in_reach(c.change) b (id) order by 1);
    perform 1 from public.bookings b where b.id = any (v_booking_ids) order by b.id for update;
    perform private.lock_people(v_booking_ids);
    return v_booking_ids;
end $$;

-- Rows to compare: booking → {"row", "people": {address or number → their row}}.
create function private.rows_of(p_booking_ids uuid[]) returns jsonb
    language plpgsql stable set search_path = '' set timezone = 'UTC' as $$
begin
    return (
        select coalesce(jsonb_object_agg(b.id, jsonb_build_object('row', to_jsonb(b) - '{id,created_at,updated_at}'::text[],
            'people', (
                select coalesce(jsonb_object_agg(coalesce(a.email, a.phone), to_jsonb(a) - '{id,booking_id}'::text[]), '{}')
                from public.booking_attendees a where a.booking_id = b.id))), '{}')
        from public.bookings b where b.id = any (p_booking_ids));
end $$;

-- field → [old, new]
create function private.changed_fields(p_old jsonb, p_new jsonb) returns jsonb
    language sql immutable set search_path = '' as $$
    select coalesce(jsonb_object_agg(n.key, jsonb_build_array(p_old -> n.key, n.value)), '{}')
    from jsonb_each(p_new) n
    where coalesce(p_old -> n.key, 'null') <> n.value
$$;

-- Who came, who went, and of whom something else changed.
create function private.changed_people(p_old jsonb, p_new jsonb) returns jsonb
    language sql immutable set search_path = '' as $$
    select jsonb_build_object(
        'added', coalesce(jsonb_agg(x.person order by x.who) filter (where x.is_in and not x.was_in), '[]'),
        'removed', coalesce(jsonb_agg(x.person order by x.who) filter (where x.was_in and not x.is_in), '[]'),
        'changed', coalesce(jsonb_agg(x.person || jsonb_build_object('fields', private.changed_fields(x.old, x.new)) order by x.who)
            filter (where x.was_in and x.is_in and x.old <> x.new), '[]'))
    from (
        select w.who, o.value as old, n.value as new,
            o.value is not null and o.value ->> 'removed_at' is null as was_in,
            n.value is not null and n.value ->> 'removed_at' is null as is_in,
            jsonb_build_object('name', coalesce(n.value, o.value) -> 'name', 'email', coalesce(n.value, o.value) -> 'email',
                'phone', coalesce(n.value, o.value) -> 'phone', 'role', coalesce(n.value, o.value) -> 'role') as person
        from (select jsonb_object_keys(coalesce(p_old, '{}') || p_new) as who) w
        left join jsonb_each(p_old) o on o.key = w.who
        left join jsonb_each(p_new) n on n.key = w.who) x
$$;

-- What an event changed in each of these bookings, beside how they were. p_mark: the timeline's last entry before it.
-- Of a booking that is new and will be rolled back the id says nothing.
create function private.changed_bookings(p_before jsonb, p_now jsonb, p_mark bigint, p_dry_run boolean) returns jsonb
    language sql stable set search_path = '' as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', case when not (p_dry_run and b.created_at = now()) then b.id end, 'is_new', not p_before ? n.key,
        'title', b.title, 'starts_at', b.starts_at,
        'what', (select coalesce(jsonb_agg(distinct e.kind), '[]') from public.booking_events e
                 where e.booking_id = b.id and e.id > p_mark and e.source = 'replay'),
        'fields', private.changed_fields(p_before -> n.key -> 'row', n.value -> 'row'),
        'people', private.changed_people(p_before -> n.key -> 'people', n.value -> 'people'))
        order by b.starts_at, b.id), '[]')
    from jsonb_each(p_now) n join public.bookings b on b.id = n.key::uuid
$$;

-- message → how it stands
create function private.messages_of(p_booking_ids uuid[]) returns jsonb
    language plpgsql stable set search_path = '' set timezone = 'UTC' as $$
begin
    return (
        select coalesce(jsonb_object_agg(n.id, jsonb_build_array(n.status, n.reason, n.due_at, n.recipient)), '{}')
        from public.notifications n where n.booking_id = any (p_booking_ids));
end $$;

-- The messages that stand otherwise than before: which will be sent, which will not any more, which are not sent and why.
create function private.changed_messages(p_before jsonb, p_booking_ids uuid[], p_dry_run boolean) returns jsonb
    language sql stable set search_path = '' set timezone = 'UTC' as $$
    with changed as (
        select n.status, n.reason, n.due_at, n.id, coalesce(p_before -> n.id::text ->> 0 = 'planned', false) as was_planned,
            jsonb_build_object('booking_id', case when not (p_dry_run and b.created_at = now()) then b.id end,
                'title', b.title, 'starts_at', n.starts_at, 'name', a.name, 'recipient', n.recipient, 'channel', n.channel,
                'kind', n.kind, 'lead_minutes', n.lead_minutes, 'due_at', n.due_at, 'time_zone', n.time_zone,
                'locale', n.locale, 'status', n.status, 'reason', n.reason, 'says', private.says(n)) as message
        from public.notifications n
        join public.bookings b on b.id = n.booking_id
        join public.booking_attendees a on a.id = n.attendee_id
        where n.booking_id = any (p_booking_ids)
          and jsonb_build_array(n.status, n.reason, n.due_at, n.recipient) is distinct from p_before -> n.id::text)
    select jsonb_build_object(
        'messages', coalesce(jsonb_agg(c.message order by c.due_at, c.id) filter (where c.status = 'planned'), '[]'),
        'withdrawn', coalesce(jsonb_agg(c.message order by c.due_at, c.id)
            filter (where c.status = 'skipped' and c.was_planned), '[]'),
        'not_sent', coalesce(jsonb_agg(c.message order by c.due_at, c.id)
            filter (where c.status = 'skipped' and not c.was_planned and c.reason <> 'superseded'), '[]'))
    from changed c
$$;

-- One event again. What its body said may be gone: after 90 days, or with a person who was erased.
create function private.replay_event(p_event jsonb) returns jsonb
    language plpgsql set search_path = '' as $$
declare
    w public.webhook_events;
    v_event jsonb;
begin
    select * into w from public.webhook_events x where x.id = (p_event ->> 'id')::uuid;
    if w.id is null or w.body is null or w.body -> 'erased' = 'true' then
        v_event := jsonb_build_object('outcome', case when w.id is null then 'not_found' else 'no_body' end, 'bookings', '[]'::jsonb);
    else
        v_event := private.apply_kept(w.id, private.redact_erased_event(p_event - 'id'));
    end if;
    return v_event - 'event_id' || jsonb_build_object('id', p_event -> 'id',
        'trigger', coalesce(p_event ->> 'trigger', w."trigger"), 'received_at', w.received_at, 'was', w.outcome);
end $$;

-- Several, in their order and in one transaction: what would be done is what is done, and nothing of it is sent in between.
-- For 3 seconds at most (the first always), since their bookings stay locked until it ends.
create function private.replay_events(p_events jsonb, p_dry_run boolean) returns jsonb
    language plpgsql security definer set search_path = '' set timezone = 'UTC' set lock_timeout = '2s' as $$
declare
    v_until timestamptz;
    v_ids uuid[];
    v_messages jsonb;
    v_seen jsonb;  -- the bookings as the last event left them
    v_now jsonb;
    v_mark bigint;
    v_event jsonb;
    v_events jsonb := '[]';
    v_answer jsonb;
begin
    begin
        v_ids := private.lock_replayed(p_events);
        v_until := clock_timestamp() + interval '3 seconds';
        v_messages := private.messages_of(v_ids);
        v_seen := private.rows_of(v_ids);
        for v_event in select e.event from jsonb_array_elements(p_events) with ordinality e (event, n) order by e.n loop
            exit when v_events <> '[]' and clock_timestamp() > v_until;
            select coalesce(max(e.id), 0) into v_mark from public.booking_events e;
            v_event := private.replay_event(v_event);
            v_now := private.rows_of(array(
                select (b ->> 'id')::uuid from jsonb_array_elements(v_event -> 'bookings') b where (b -> 'changed')::boolean));
            v_event := v_event || jsonb_build_object('bookings', private.changed_bookings(v_seen, v_now, v_mark, p_dry_run));
            if p_dry_run and exists (select 1 from public.bookings b
                                     where b.id = (v_event ->> 'booking_id')::uuid and b.created_at = now()) then
                v_event := v_event - 'booking_id';
            end if;
            v_events := v_events || v_event;
            v_seen := v_seen || v_now;
        end loop;
        v_answer := jsonb_build_object('events', v_events) || private.changed_messages(
            v_messages, v_ids || array(select k.id::uuid from jsonb_object_keys(v_seen) k (id)), p_dry_run);
        if p_dry_run then
            raise exception 'only looked' using errcode = 'PT299';
        end if;
    exception when sqlstate 'PT299' then null;
    end;
    return v_answer;
end $$;

create function public.replay_events(p_events jsonb, p_dry_run boolean) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.replay_events(p_events, p_dry_run) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.replay_events(jsonb, boolean) from public, anon, authenticated;
grant execute on function private.replay_events(jsonb, boolean), public.replay_events(jsonb, boolean) to service_role;
comment on function public.replay_events(jsonb, boolean) is
    '[{"id", "source", "notify", "received_at", "trigger"?, "error"?, "changes"}] → {"events": what each came to and changed, "messages", "withdrawn", "not_sent"}; of the first that there was time for.';
