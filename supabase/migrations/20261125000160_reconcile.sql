-- Cal.com's API is the truth. What it says is recorded like any other report, and what that changes is what was wrong.

-- How far the sweep over the API has come.
create table private.reconcile_state (
    one_row boolean primary key default true,
    running_since timestamptz,
    changed_until timestamptz,
    changes_go_on_at timestamptz,
    walk_started_at timestamptz,
    walked_until timestamptz,
    walk_finished_at timestamptz,
    constraint reconcile_state_one_row check (one_row)
);
insert into private.reconcile_state default values;

-- Actions that were cut off and to which nobody came back: Cal.com is done with them, so each is looked at now.
create function private.doubt_cut_off_actions() returns void
    language plpgsql set search_path = '' as $$
begin
    perform private.is_busy(a.booking_id, a.attendee_id)
    from private.actions a where a.state = 'started' and a.started_at < now() - private.action_lease();
    update public.doubts d set look_at = now()
    where d.kind = 'uncertain_action' and d.resolved_at is null and exists (
        select 1 from private.actions a where a.booking_id = d.booking_id and a.state = 'uncertain' and a.finished_at = now());
end $$;

-- Begins a run, unless one is under way. → {"busy"} or {"changed_until", "changes_go_on_at", "walk_started_at", "walked_until", "walk_due"}
create function private.begin_reconcile(p_dry_run boolean) returns jsonb
    language plpgsql security definer set search_path = '' set timezone = 'UTC' as $$
declare
    s private.reconcile_state;
begin
    select * into s from private.reconcile_state for update;
    if not p_dry_run then
        if s.running_since > now() - interval '5 minutes' then
            return '{"busy": true}';
        end if;
        update private.reconcile_state set running_since = now();
        perform private.doubt_cut_off_actions();
    end if;
    return jsonb_build_object('changed_until', s.changed_until, 'changes_go_on_at', s.changes_go_on_at,
        -- A walk that did not come to its end goes on, but not into another day.
        'walk_started_at', case when s.walk_started_at > now() - interval '6 hours' then s.walk_started_at end,
        'walked_until', case when s.walk_started_at > now() - interval '6 hours' then s.walked_until end,
        'walk_due', coalesce(s.walk_finished_at < now() - interval '24 hours', true));
end $$;

-- Whether a cancellation or the move of a seat, in doubt, is the doing of another action that is known to be done: of the
-- same seat, of the whole booking, or of the rest of its series. Cal.com's reason tells, where it shows one.
create function private.done_by_another(a private.actions, b public.bookings) returns boolean
    language sql stable set search_path = '' as $$
    select b.cancellation_reason is distinct from a.reason and exists (
        select 1 from private.actions o join public.bookings lead on lead.id = o.booking_id
        where o.id <> a.id and o.state = 'done' and case
            when o.attendee_id is not null
                then o.booking_id = b.id and o.attendee_id = a.attendee_id and o.outcome in ('cancelled', 'moved')
            else a.kind = 'cancel' and o.outcome = 'cancelled' and (o.booking_id = b.id
                or o.scope = 'remaining' and o.series_id = b.series_id and lead.starts_at <= b.starts_at) end)
$$;

-- Whether an action that was in doubt took place, as far as all that was read of Cal.com tells.
create function private.came_true(a private.actions) returns boolean
    language sql stable set search_path = '' as $$
    select coalesce(case
        when a.kind = 'cancel' then (p.removed_at is not null or b.status = 'cancelled' and not b.reschedule_requested)
            and not private.done_by_another(a, b)
        -- Of a group that has ended Cal.com lists nobody, so nobody is known to have left it.
        when a.attendee_id is not null then (p.removed_at is not null or b.status = 'cancelled')
            and not private.done_by_another(a, b) and exists (
            select 1 from public.bookings g join public.booking_attendees x on x.booking_id = g.id
            where g.starts_at = a.starts_at and g.event_type_id = b.event_type_id and g.id <> b.id
              and coalesce(x.email, x.phone) = coalesce(p.email, p.phone))
        -- It may have been moved on since: then Cal.com knew it at that time under a uid that is not older than the action.
        else b.starts_at = a.starts_at or exists (
            select 1 from private.reports r
            where r.booking_id = b.id and r.starts_at = a.starts_at and r.rescheduled_from_uid is not null and r.phase >= 0
              and not exists (
                select 1 from private.reports o
                where o.booking_id = b.id and o.uid = r.uid and o.phase >= 0 and o.at < a.asked_at - interval '15 seconds')) end,
        false)
    from public.bookings b left join public.booking_attendees p on p.id = a.attendee_id
    where b.id = a.booking_id
$$;

-- Ends the actions in doubt whose booking was read, when all that changed has been read too: where a seat was moved to is
-- told by another booking.
create function private.settle_actions() returns void
    language plpgsql set search_path = '' as $$
declare
    a private.actions;
    v_came_true boolean;
begin
    for a in
        select x.* from private.actions x join public.bookings b on b.id = x.booking_id
        where x.state = 'uncertain' and not exists (
            select 1 from public.doubts d
            where d.booking_id = x.booking_id and d.kind = 'uncertain_action' and d.resolved_at is null)
        order by x.reason is not distinct from b.cancellation_reason desc, x.started_at
        for update of x
    loop
        v_came_true := private.came_true(a);
        update private.actions x
        set state = case when v_came_true then 'done' else 'failed' end,
            outcome = case when not v_came_true then 'upstream_unavailable' when a.kind = 'move' then 'moved' else 'cancelled' end
        where x.id = a.id;
    end loop;
end $$;

-- Ends a run: how far it came, and its heartbeat. p_state: the columns that changed.
create function private.finish_reconcile(
    p_state jsonb, p_started_at timestamptz, p_result jsonb, p_error text) returns void
    language plpgsql security definer set search_path = '' as $$
declare
    s private.reconcile_state;
begin
    select * into s from private.reconcile_state for update;
    s := jsonb_populate_record(s, p_state);
    update private.reconcile_state
    set running_since = null, changed_until = greatest(s.changed_until, changed_until), changes_go_on_at = s.changes_go_on_at,
        walk_started_at = s.walk_started_at, walked_until = s.walked_until, walk_finished_at = s.walk_finished_at;
    if (p_result -> 'complete')::boolean then
        perform private.settle_actions();
    end if;
    perform private.finish_job('reconcile', p_started_at, p_result, p_error);
end $$;

-- What is compared: the booking as people see it, who is in it, and how many of them were absent.
create function private.snapshot(p_booking_id uuid) returns jsonb
    language sql stable set search_path = '' set timezone = 'UTC' as $$
    select private.difference(null, b) || p.people
    from public.bookings b
    cross join lateral (
        select jsonb_build_object('people', coalesce(jsonb_agg(coalesce(a.email, a.phone) order by 1), '[]'))
            || case when bool_or(a.absent) then jsonb_build_object('absent', array[null, count(*) filter (where a.absent)])
                    else '{}' end as people
        from public.booking_attendees a where a.booking_id = b.id and a.removed_at is null) p
    where b.id = p_booking_id
$$;

-- Why we did not know.
create function private.drift_cause(p_uids text[], p_booking_id uuid) returns text
    language sql stable set search_path = '' as $$
    select case
        when exists (select 1 from private.pending_events p cross join jsonb_array_elements(p.event -> 'changes') c (change)
                     where c.change ->> 'uid' = any (p_uids)) then 'webhook_not_applied'
        when exists (select 1 from private.actions a where a.booking_id = p_booking_id and a.state in ('started', 'uncertain'))
            then 'action_uncertain'
        when exists (select 1 from public.doubts d where d.booking_id = p_booking_id and d.resolved_at is null)
            then 'bodies_undecided'
        else 'webhook_missing' end
$$;

-- field → [ours, Cal.com's], and how many people came or went; {} where they agree. Reports are kept, so what may name a
-- person is not in them: of texts and places only that they differ.
create function private.drift_between(p_ours jsonb, p_theirs jsonb) returns jsonb
    language sql immutable set search_path = '' as $$
    select coalesce(jsonb_object_agg(coalesce(t.key, o.key), case
            when t.key = 'people' then jsonb_build_object(
                'added', (select count(*) from jsonb_array_elements(t.value) x where not coalesce(o.value, '[]') @> jsonb_build_array(x)),
                'removed', (select count(*) from jsonb_array_elements(o.value) x where not t.value @> jsonb_build_array(x)))
            when coalesce(t.key, o.key) in ('title', 'description', 'cancellation_reason', 'location') then '"differs"'
            else jsonb_build_array(o.value -> 1, t.value -> 1) end), '{}')
    from jsonb_each(p_theirs) t full join jsonb_each(p_ours) o on o.key = t.key
    where t.value is distinct from o.value
$$;

-- Records what Cal.com says of one booking and what it was moved to: [{"change", "unlisted"}]. → the difference that this
-- was: {"kind": missing | stale, "booking_id", "what": kinds of the timeline, "fields", "cause", "done"}; null: none
create function private.reconcile_life(p_life jsonb, p_dry_run boolean) returns jsonb
    language plpgsql set search_path = '' set timezone = 'UTC' as $$
declare
    v_uids constant text[] := array(select l.said #>> '{change,uid}' from jsonb_array_elements(p_life) l (said));
    v_known constant uuid := (  -- of several that turn out to be one the one that stays
        select n.booking_id from private.booking_nodes n join public.bookings b on b.id = n.booking_id
        where n.uid = any (v_uids) order by b.created_at, b.id limit 1);
    v_ours constant jsonb := private.snapshot(v_known);
    v_cause constant text := private.drift_cause(v_uids, v_known);
    v_recorded jsonb;
    v_drift jsonb;
begin
    begin
        v_recorded := private.record_event(jsonb_build_object('source', 'reconcile', 'notify', 'reminders', 'received_at', now(),
            'changes', (select jsonb_agg(private.fit_answer(l.said -> 'change', l.said -> 'unlisted', v_known) order by l.n)
                        from jsonb_array_elements(p_life) with ordinality l (said, n))));
        v_drift := jsonb_build_object('kind', case when v_known is null then 'missing' else 'stale' end,
            'booking_id', coalesce(v_known, case when not p_dry_run then (v_recorded ->> 'booking_id')::uuid end), 'uids', to_jsonb(v_uids),
            'what', (select coalesce(jsonb_agg(distinct e.kind), '[]') from public.booking_events e
                     where e.booking_id = (v_recorded ->> 'booking_id')::uuid and e.recorded_at = now() and e.source = 'reconcile'),
            'fields', private.drift_between(v_ours, private.snapshot((v_recorded ->> 'booking_id')::uuid)),
            'cause', v_cause,
            'done', case when v_recorded ->> 'outcome' = 'quarantined' then 'failed' when p_dry_run then 'would_heal' else 'healed' end);
        if p_dry_run then
            raise exception 'only looked' using errcode = 'PT299';
        end if;
    exception when sqlstate 'PT299' then null;
    end;
    return case when v_drift ->> 'done' = 'failed' or v_drift -> 'fields' <> '{}' or v_drift -> 'what' ? 'merged' then v_drift - 'uids' end;
end $$;

-- The same for several, one after another. → [difference | null]
create function private.reconcile_lives(p_lives jsonb, p_dry_run boolean) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_life jsonb;
    v_drifts jsonb := '[]';
begin
    for v_life in select l.life from jsonb_array_elements(p_lives) with ordinality l (life, n) order by l.n loop
        v_drifts := v_drifts || coalesce(private.reconcile_life(v_life, p_dry_run), 'null');
    end loop;
    return v_drifts;
end $$;

-- Bookings to come that the walk over Cal.com's has not met: by no API report since it began, nor among these uids.
-- → [{"booking_id", "uid"}]
create function private.unmet_bookings(p_walk_started_at timestamptz, p_met text[], p_limit integer) returns jsonb
    language sql stable security definer set search_path = '' as $$
    select coalesce(jsonb_agg(jsonb_build_object('booking_id', u.id, 'uid', u.uid)), '[]')
    from (
        select b.id, n.uid
        from public.bookings b join private.booking_nodes n on n.booking_id = b.id and n.is_head
        where b.starts_at > now() and b.status in ('pending', 'awaiting_payment', 'confirmed')
          and b.created_at < p_walk_started_at and n.uid not like '#%' and n.uid <> all (p_met)
          and not exists (
            select 1 from private.reports r
            where r.booking_id = b.id and r."trigger" = 'API' and r.at >= p_walk_started_at - interval '15 seconds')
        order by b.starts_at, b.id limit p_limit) u
$$;

-- Doubts whose time has come, and what of Cal.com has to be read for each.
-- → [{"id", "kind", "booking_id"?, "uids": [...], "series": whether the rest of the series is in doubt too}]
create function private.due_doubts(p_limit integer) returns jsonb
    language sql stable security definer set search_path = '' as $$
    select coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'kind', d.kind, 'booking_id', d.booking_id,
        'series', d.kind in ('series_without_id', 'uncertain_action'), 'uids', case
            when d.booking_id is null then (
                select coalesce(jsonb_agg(distinct c.change ->> 'uid'), '[]')
                from private.pending_events p cross join jsonb_array_elements(p.event -> 'changes') c (change)
                where p.doubt_id = d.id and c.change ->> 'uid' is not null)
            else (
                select coalesce(jsonb_agg(x.uid), '[]') from (
                    select n.uid from private.booking_nodes n
                    where n.booking_id = d.booking_id and n.uid not like '#%'
                      and (n.is_head or d.kind in ('two_heads', 'move_rejected', 'resent'))
                    order by n.is_head desc, n.calcom_id desc nulls last limit 10) x) end) order by d.look_at), '[]')
    from (select * from public.doubts o where o.resolved_at is null and o.look_at <= now() order by o.look_at limit p_limit) d
$$;

-- Ends doubts, or puts them off: [{"id", "outcome": text, or null where Cal.com could not be asked}].
create function private.settle_doubts(p_doubts jsonb) returns void
    language plpgsql security definer set search_path = '' as $$
begin
    update public.doubts d
    set tries = d.tries + 1,
        look_at = case when s.outcome is null then now() + least(interval '15 seconds' * 2 ^ least(d.tries, 10), interval '6 hours') else d.look_at end,
        outcome = s.outcome, resolved_at = case when s.outcome is not null then now() end
    from jsonb_to_recordset(p_doubts) s (id uuid, outcome text)
    where d.id = s.id and d.resolved_at is null;
    -- What waited for the booking can be applied now.
    update private.pending_events p set try_at = now()
    from jsonb_to_recordset(p_doubts) s (id uuid, outcome text) where p.doubt_id = s.id and s.outcome is not null;
end $$;

-- Who may start it by hand.
create function private.require_admin() returns boolean
    language plpgsql stable security definer set search_path = '' as $$
begin
    if not private.is_admin() then
        raise exception 'for admins' using errcode = 'PT403';
    end if;
    return true;
end $$;

create function public.require_admin() returns boolean
    language sql stable security invoker set search_path = '' as $$ select private.require_admin() $$;
create function public.begin_reconcile(p_dry_run boolean) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.begin_reconcile(p_dry_run) $$;
create function public.finish_reconcile(p_state jsonb, p_started_at timestamptz, p_result jsonb, p_error text) returns void
    language sql security invoker set search_path = ''
    as $$ select private.finish_reconcile(p_state, p_started_at, p_result, p_error) $$;
create function public.reconcile_lives(p_lives jsonb, p_dry_run boolean) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.reconcile_lives(p_lives, p_dry_run) $$;
create function public.unmet_bookings(p_walk_started_at timestamptz, p_met text[], p_limit integer) returns jsonb
    language sql stable security invoker set search_path = ''
    as $$ select private.unmet_bookings(p_walk_started_at, p_met, p_limit) $$;
create function public.due_doubts(p_limit integer) returns jsonb
    language sql stable security invoker set search_path = '' as $$ select private.due_doubts(p_limit) $$;
create function public.settle_doubts(p_doubts jsonb) returns void
    language sql security invoker set search_path = '' as $$ select private.settle_doubts(p_doubts) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.require_admin() from public, anon, service_role;
revoke execute on function public.begin_reconcile(boolean),
    public.finish_reconcile(jsonb, timestamptz, jsonb, text), public.reconcile_lives(jsonb, boolean),
    public.unmet_bookings(timestamptz, text[], integer), public.due_doubts(integer), public.settle_doubts(jsonb)
    from public, anon, authenticated;
grant execute on function private.require_admin() to authenticated;
grant execute on function public.require_admin() to authenticated;
grant execute on function private.begin_reconcile(boolean),
    private.finish_reconcile(jsonb, timestamptz, jsonb, text), private.reconcile_lives(jsonb, boolean),
    private.unmet_bookings(timestamptz, text[], integer), private.due_doubts(integer), private.settle_doubts(jsonb)
    to service_role;
grant execute on function public.begin_reconcile(boolean),
    public.finish_reconcile(jsonb, timestamptz, jsonb, text), public.reconcile_lives(jsonb, boolean),
    public.unmet_bookings(timestamptz, text[], integer), public.due_doubts(integer), public.settle_doubts(jsonb)
    to service_role;
comment on table private.reconcile_state is 'How far the sweep over Cal.com''s API has come; running_since: one is under way.';
comment on column private.reconcile_state.changed_until is 'Cal.com''s time of the last change that was read.';
comment on column private.reconcile_state.changes_go_on_at is
    'Where reading changes goes on, after a run that did not come to their end.';
comment on column private.reconcile_state.walked_until is 'The start of the last booking that the daily walk has read.';
comment on function public.reconcile_lives(jsonb, boolean) is
    '[[{"change": BookingChange, "unlisted": [address]}]]: of each booking all that the API says. → [difference | null].';
comment on function public.require_admin() is 'True, or an error (403) for everybody else.';
