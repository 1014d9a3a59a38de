-- May this person do this now? Decided as that person, at the moment of the action, and written down in the same transaction.

-- A booking as the signed-in person sees it: the whole row, or of one that they were removed from title, times and status
-- as they were then. Null: not a booking of theirs.
create function private.my_booking(p_booking_id uuid) returns jsonb
    language plpgsql stable security definer set search_path = '' set timezone = 'UTC' as $$
begin
    if private.my_part_in(p_booking_id) is not null then
        return (select to_jsonb(b) || jsonb_build_object('removed', false) from public.bookings b where b.id = p_booking_id);
    end if;
    return (
        select jsonb_build_object('id', b.id, 'ical_uid', b.ical_uid, 'removed', true,
            'status', case when b.status in ('cancelled', 'rejected') then b.status else 'cancelled' end,
            'title', private.value_before(b.id, a.removed_at, 'title', b.title),
            'starts_at', private.value_before(b.id, a.removed_at, 'starts_at', b.starts_at::text)::timestamptz,
            'ends_at', private.value_before(b.id, a.removed_at, 'ends_at', b.ends_at::text)::timestamptz)
            || private.last_heard(b.id)
        from public.booking_attendees a join public.bookings b on b.id = a.booking_id
        where a.booking_id = p_booking_id and a.email = private.my_email());
end $$;

create function public.my_booking(p_booking_id uuid) returns jsonb
    language sql stable security invoker set search_path = '' as $$
    select private.my_booking(private.current_booking_id(p_booking_id))
$$;

create function private.refuse(p_code text, p_more jsonb default '{}') returns jsonb
    language sql immutable set search_path = '' as $$ select jsonb_build_object('refused', p_code) || p_more $$;

-- What the signed-in person is called in the timeline: as an attendee, or by their account.
create function private.my_name_in(p_booking_id uuid) returns text
    language sql stable set search_path = '' as $$
    select coalesce(
        (select a.name from public.booking_attendees a
         where a.booking_id = p_booking_id and a.email = private.my_email()),
        (select coalesce(u.raw_user_meta_data ->> 'name', split_part(u.email::text, '@', 1))
         from auth.users u where u.id = auth.uid()))
$$;

-- An action of this booking and seat that is still under way. One that was cut off is in doubt from now on, if Cal.com may
-- have been asked; if it was not, that is known sooner, since our functions ask at once.
create function private.is_busy(p_booking_id uuid, p_attendee_id uuid) returns boolean
    language plpgsql set search_path = '' as $$
declare
    a private.actions;
begin
    select * into a from private.actions x
    where x.booking_id = p_booking_id and x.attendee_id is not distinct from p_attendee_id and x.state = 'started'
    for update;
    if a.started_at < now() - (case when a.asked_at is null then interval '10 seconds' else private.action_lease() end) then
        update private.actions x
        set state = case when a.asked_at is null then 'failed' else 'uncertain' end, finished_at = now(),
            outcome = case when a.asked_at is null then 'upstream_unavailable' end
        where x.id = a.id;
        if a.asked_at is not null then
            perform private.doubt(p_booking_id, 'uncertain_action', 'an action was cut off');
        end if;
        return false;
    end if;
    return a.id is not null;
end $$;

-- Seconds until a client may act again; null: now.
create function private.rate_limited_for(p_limit integer) returns integer
    language sql stable set search_path = '' as $$
    select ceil(extract(epoch from min(x.started_at) + interval '10 minutes' - now()))::integer
    from (select a.started_at from private.actions a
          where a.user_id = auth.uid() and a.started_at > now() - interval '10 minutes'
          order by a.started_at desc limit p_limit) x
    having count(*) >= p_limit
$$;

-- The row of a batch that was begun before: what became of it, or begun again where that is not known, or Cal.com had no
-- time for it. Null: there is none.
create function private.batch_row(p_batch_id uuid, p_booking_id uuid) returns jsonb
    language plpgsql set search_path = '' as $$
declare
    a private.actions;
begin
    select * into a from private.actions x where x.batch_id = p_batch_id and x.booking_id = p_booking_id for update;
    if a.id is null then
        return null;
    end if;
    if a.kind <> 'cancel' or a.scope <> 'this' or a.attendee_id is not null then  -- not one of a batch of staff
        return private.refuse('not_allowed');
    end if;
    if a.state in ('started', 'uncertain') or a.state = 'failed' and a.outcome = 'upstream_unavailable' then
        if private.is_busy(a.booking_id, null) then
            return private.refuse('in_progress');
        end if;
        update private.actions x set state = 'started', started_at = now(), finished_at = null, outcome = null
        where x.id = a.id returning * into a;
    end if;
    return jsonb_build_object(
        'action_id', a.id, 'booking_id', a.booking_id, 'part', 'staff', 'state', a.state, 'outcome', a.outcome);
exception
    when unique_violation then  -- somebody else has begun meanwhile
        return private.refuse('in_progress');
end $$;

create function private.begin_action(
    p_booking_id uuid, p_kind text, p_scope text, p_attendee_id uuid, p_starts_at timestamptz, p_reason text,
    p_batch_id uuid, p_limit integer) returns jsonb
    language plpgsql security definer set search_path = '' set timezone = 'UTC' as $$
declare
    b public.bookings;
    a private.actions;
    v_part text := private.my_part_in(p_booking_id);
    v_may jsonb;
    v_seated boolean;
    v_wait integer;
    v_begun jsonb;
begin
    select * into b from public.bookings x where x.id = p_booking_id;
    if v_part is null or b.id is null then
        if b.id is not null and p_kind = 'cancel' and private.my_booking(p_booking_id) is not null then  -- they were removed from it
            return private.refuse('already_cancelled');
        end if;
        raise exception 'no such booking' using errcode = 'PT404';
    end if;
    if p_batch_id is not null then
        if v_part <> 'staff' then
            return private.refuse('not_allowed');
        end if;
        v_begun := private.batch_row(p_batch_id, b.id);
        if v_begun is not null then
            return v_begun;
        end if;
    end if;
    if v_part = 'staff' and btrim(coalesce(p_reason, '')) = '' and p_kind = 'cancel' then
        return private.refuse('reason_required');
    end if;
    -- Cal.com names a series only from its second booking on.
    if p_scope = 'remaining' and (p_kind <> 'cancel' or b.series_id is null and not exists (
            select 1 from private.reports r where r.booking_id = b.id and r.recurring)) then
        return private.refuse('no_series');
    end if;

    select d.seated into v_seated from private.booking_details d where d.booking_id = b.id;
    if v_part = 'seat' then
        select x.id into a.attendee_id from public.booking_attendees x
        where x.booking_id = b.id and x.email = private.my_email() and x.removed_at is null;
        if p_attendee_id <> a.attendee_id then
            return private.refuse('not_allowed');
        end if;
    elsif p_attendee_id is not null then
        select x.id into a.attendee_id from public.booking_attendees x
        where x.id = p_attendee_id and x.booking_id = b.id and x.removed_at is null;
        if a.attendee_id is null or not v_seated or v_part <> 'staff' then
            raise exception 'no such seat' using errcode = 'PT404';
        end if;
    end if;

    v_may := private.booking_actions(b.id);
    if not (v_may #>> array[p_kind, 'allowed'])::boolean then
        return private.refuse(v_may #>> array[p_kind, 'reason'],
            jsonb_build_object('until', v_may #> array[p_kind, 'until'], 'contact', v_may -> 'contact'));
    end if;
    if p_kind = 'move' and p_starts_at <= now() then
        return private.refuse('slot_in_past');
    end if;
    if p_kind = 'move' and p_starts_at = b.starts_at and not b.reschedule_requested then
        return private.refuse('same_time');
    end if;

    perform pg_advisory_xact_lock(hashtextextended('actions:' || auth.uid(), 0));
    if private.is_busy(b.id, a.attendee_id) then
        return private.refuse('in_progress');
    end if;
    if v_part <> 'staff' then
        v_wait := private.rate_limited_for(p_limit);
        if v_wait is not null then
            return private.refuse('rate_limited', jsonb_build_object('retry_after', v_wait));
        end if;
    end if;
    insert into private.actions (batch_id, booking_id, attendee_id, kind, scope, series_id, starts_at, user_id, actor_kind, actor, reason)
    values (coalesce(p_batch_id, case when p_scope = 'remaining' then gen_random_uuid() end), b.id, a.attendee_id, p_kind, p_scope,
        case p_scope when 'remaining' then b.series_id end, p_starts_at, auth.uid(), case v_part when 'staff' then 'staff' else 'client' end, private.my_name_in(b.id),
        nullif(btrim(p_reason), ''))
    returning * into a;
    return jsonb_build_object('action_id', a.id, 'booking_id', b.id, 'part', v_part, 'state', 'started');
exception
    when unique_violation then
        return private.refuse('in_progress');
end $$;

create function public.begin_action(
    p_booking_id uuid, p_kind text, p_scope text default 'this', p_attendee_id uuid default null,
    p_starts_at timestamptz default null, p_reason text default null, p_batch_id uuid default null,
    p_limit integer default 5) returns jsonb
    language sql security invoker set search_path = '' as $$
    select private.begin_action(private.current_booking_id(p_booking_id), p_kind, p_scope, p_attendee_id, p_starts_at,
        p_reason, p_batch_id, p_limit)
$$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.my_booking(uuid),
    public.begin_action(uuid, text, text, uuid, timestamptz, text, uuid, integer) from public, anon, service_role;
grant execute on function private.my_booking(uuid),
    private.begin_action(uuid, text, text, uuid, timestamptz, text, uuid, integer) to authenticated;
grant execute on function public.my_booking(uuid),
    public.begin_action(uuid, text, text, uuid, timestamptz, text, uuid, integer) to authenticated;
comment on function public.my_booking(uuid) is
    'The booking as the caller sees it, with `removed`: they are no longer in it. Null: not theirs.';
comment on function public.begin_action(uuid, text, text, uuid, timestamptz, text, uuid, integer) is
    'Writes down what the caller is about to do. Cal.com is asked by the function that holds the secret key. → {"action_id", '
    '"booking_id", "part", "state", "outcome"?}, or {"refused": code, "until"?, "contact"?, "retry_after"?}.';
