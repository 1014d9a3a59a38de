-- What people do to bookings from our side. An action is a committed row before Cal.com is asked, so that nothing is done
-- twice, and what comes of it, by webhook or by answer, is known to be theirs.

create table private.actions (
    id uuid primary key default gen_random_uuid(),
    batch_id uuid,
    booking_id uuid not null references public.bookings (id) on delete cascade,
    attendee_id uuid references public.booking_attendees (id) on delete set null,
    kind text not null,
    scope text not null default 'this',
    series_id uuid,
    starts_at timestamptz,
    user_id uuid not null,
    actor_kind text not null,
    actor text,
    reason text,
    state text not null default 'started',
    outcome text,
    started_at timestamptz not null default now(),
    asked_at timestamptz,
    finished_at timestamptz,
    constraint actions_kind check (kind in ('cancel', 'move')),
    constraint actions_scope check (scope in ('this', 'remaining')),
    constraint actions_move_names_a_time check ((kind = 'move') = (starts_at is not null)),
    constraint actions_actor_kind check (actor_kind in ('client', 'staff')),
    constraint actions_state check (state in ('started', 'done', 'failed', 'uncertain')),
    constraint actions_outcome_when_ended check ((state = 'started') = (finished_at is null)),
    constraint actions_reason check (length(reason) <= 1000)
);
create unique index actions_one_at_a_time on private.actions (booking_id, attendee_id) nulls not distinct
    where state = 'started';
create unique index actions_batch on private.actions (batch_id, booking_id) where batch_id is not null;
create index actions_booking on private.actions (booking_id, started_at);
create index actions_user on private.actions (user_id, started_at);
create index actions_attendee on private.actions (attendee_id) where attendee_id is not null;

-- Where two bookings turn out to be one, what was done to either was done to the one that stays.
create function private.keep_actions() returns trigger
    language plpgsql set search_path = '' as $$
begin
    update private.actions a
    set booking_id = s.booking_id,
        state = case a.state when 'started' then 'uncertain' else a.state end,
        finished_at = coalesce(a.finished_at, now())
    from private.booking_aliases s
    where a.booking_id = old.id and s.id = old.id and not exists (
        select 1 from private.actions o where o.booking_id = s.booking_id and o.batch_id = a.batch_id);
    return old;
end $$;
create trigger bookings_keep_actions before delete on public.bookings
    for each row execute function private.keep_actions();

alter table public.doubts drop constraint doubts_kind;
alter table public.doubts add constraint doubts_kind check (kind in ('resent', 'seat_cancelled', 'move_names_nobody',
    'move_rejected', 'series_without_id', 'two_heads', 'unknown_booking', 'uncertain_action'));

-- How long an action may take before another may begin: our functions give up sooner (shared/actions.py).
create function private.action_lease() returns interval
    language sql immutable set search_path = '' as $$ select interval '40 seconds' $$;

-- The action behind what happens to a booking now: of the same booking (or the rest of its series, or the group that a
-- seat goes to), of the same kind, begun within the last ten minutes. p_attendee_id: to whom it happens; null: to all.
create function private.action_behind(p_booking_id uuid, p_kind text, p_attendee_id uuid) returns private.actions
    language sql stable set search_path = '' as $$
    select a.*
    from private.actions a
    join public.bookings lead on lead.id = a.booking_id
    join public.bookings b on b.id = p_booking_id
    left join public.booking_attendees mine on mine.id = a.attendee_id
    left join public.booking_attendees theirs on theirs.id = p_attendee_id
    where a.started_at > now() - interval '10 minutes' and a.asked_at is not null and a.state <> 'failed'
      and a.outcome is distinct from 'already_cancelled'
      and (a.booking_id = b.id
           or a.scope = 'remaining' and a.series_id = b.series_id and lead.starts_at <= b.starts_at
           or a.kind = 'move' and a.attendee_id is not null and a.starts_at = b.starts_at
              and lead.event_type_id = b.event_type_id)
      and case
            -- Who gives up the last seat ends the booking.
            when p_kind in ('cancelled', 'reschedule_requested') then a.kind = 'cancel' and (a.attendee_id is null or not exists (
                select 1 from public.booking_attendees x
                where x.booking_id = b.id and x.removed_at is null and x.id <> a.attendee_id))
            when p_kind in ('moved', 'requested') then a.kind = 'move'
            when p_kind = 'created' then a.kind = 'move' and a.attendee_id is not null
            when p_kind in ('attendee_removed', 'attendee_added')
                then coalesce(mine.email, mine.phone) = coalesce(theirs.email, theirs.phone)
            else false end
    order by a.booking_id = b.id desc, a.started_at desc
    limit 1
$$;

-- An entry of the timeline. What an action of ours brought about has its actor, reason and batch, whichever of webhook and
-- answer came first. Why a seat was left is told to that person and the staff alone.
create or replace function private.tell_story(
    p_booking_id uuid, p_kind text, p_context jsonb, p_changes jsonb, p_audience text, p_attendee_id uuid) returns void
    language plpgsql set search_path = '' as $$
declare
    a private.actions := private.action_behind(p_booking_id, p_kind, p_attendee_id);
begin
    -- A body that says who it was knows better: somebody was first on Cal.com's own pages.
    if p_context ->> 'actor_kind' in ('client', 'staff') and p_context ->> 'actor_kind' <> a.actor_kind then
        a := null;
    end if;
    insert into public.booking_events
        (booking_id, kind, actor_kind, actor, source, audience, attendee_id, batch_id, reason, changes, occurred_at)
    values (p_booking_id, p_kind, coalesce(a.actor_kind, p_context ->> 'actor_kind'), coalesce(a.actor, p_context ->> 'actor'),
        p_context ->> 'source', p_audience, p_attendee_id, coalesce(a.batch_id, (p_context ->> 'batch_id')::uuid),
        case when a.id is null or a.attendee_id is not null and p_attendee_id is null then p_context ->> 'reason'
             else a.reason end,
        p_changes, (p_context ->> 'occurred_at')::timestamptz);
end $$;

-- Cal.com does not say who cancelled through its API; our action does. → the event, its changes with `by`
create function private.with_actors(p_event jsonb) returns jsonb
    language sql stable set search_path = '' as $$
    select jsonb_set(p_event, '{changes}', coalesce((
        select jsonb_agg(case when c.change ->> 'by' is null and w.by is not null
            then c.change || jsonb_build_object('by', w.by) else c.change end order by c.n)
        from jsonb_array_elements(p_event -> 'changes') with ordinality c (change, n)
        left join lateral (
            select (private.action_behind(k.booking_id, 'cancelled', null)).actor_kind as by
            from private.booking_nodes k
            where k.uid = c.change ->> 'uid'
              and (c.change ->> 'trigger' = 'CANCELLED' or c.change ->> 'status' = 'cancelled')) w on true), '[]'))
$$;

-- As before, and the changes know whose they are.
create or replace function private.try_event(p_event jsonb) returns jsonb
    language plpgsql set search_path = '' set lock_timeout = '2s' as $$
begin
    for i in 1 .. 3 loop
        begin
            return private.apply_event(private.with_actors(p_event));
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

revoke execute on all functions in schema private from public, anon;
comment on table private.actions is 'Cancels and moves from our side: committed before Cal.com is asked.';
comment on column private.actions.attendee_id is 'The seat that it is about; null: the whole booking.';
comment on column private.actions.series_id is 'Of the rest of a series: which one, as soon as it is known.';
comment on column private.actions.asked_at is 'Since when Cal.com may have been asked.';
comment on column private.actions.outcome is 'cancelled, already_cancelled, moved, or the code of the error.';
