-- What the functions with the secret key need to ask Cal.com, and where they write what it answered. Cal.com's own ids
-- leave the database only here.

-- Cal.com counts the calls of a key in each minute and blocks the key for a minute where there are too many. So each call
-- is noted; what can wait (bulk, reconciliation) leaves some for people who are waiting.
create table private.calcom_limit (
    one_row boolean primary key default true,
    per_minute integer not null default 120,
    kept_for_clients integer not null default 30,
    constraint calcom_limit_one_row check (one_row),
    constraint calcom_limit_positive check (per_minute > 0 and kept_for_clients >= 0 and kept_for_clients < per_minute)
);
insert into private.calcom_limit default values;

create table private.calcom_calls (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    user_id uuid  -- who looks at free times
);
create index calcom_calls_at on private.calcom_calls (at);

-- Notes p_calls calls about to be made. → 0, or the seconds to wait where they must wait (and none is noted).
create function private.note_calls(p_calls integer, p_can_wait boolean) returns numeric
    language plpgsql security definer set search_path = '' as $$
declare
    v_limit private.calcom_limit;
    v_wait numeric;
begin
    perform pg_advisory_xact_lock(hashtextextended('calcom_calls', 0));
    select * into v_limit from private.calcom_limit;
    if p_calls > 0 then  -- who only looks whether there is room (a dry run) changes nothing
        delete from private.calcom_calls c where c.at < clock_timestamp() - interval '1 minute';
    end if;
    if p_can_wait then
        -- The call whose minute has to end before there is room.
        select extract(epoch from c.at + interval '1 minute' - clock_timestamp()) into v_wait
        from private.calcom_calls c where c.at >= clock_timestamp() - interval '1 minute' order by c.at desc
        offset v_limit.per_minute - v_limit.kept_for_clients - p_calls limit 1;
        if v_wait > 0 then
            return round(v_wait, 3);
        end if;
    end if;
    insert into private.calcom_calls (at) select clock_timestamp() from generate_series(1, p_calls);
    return 0;
end $$;

create function public.note_calls(p_calls integer, p_can_wait boolean default true) returns numeric
    language sql security invoker set search_path = '' as $$ select private.note_calls(p_calls, p_can_wait) $$;

-- Under which names Cal.com knows a booking, and one seat of it.
create function private.calcom_names(p_booking_id uuid, p_attendee_id uuid) returns jsonb
    language sql stable set search_path = '' set timezone = 'UTC' as $$
    select jsonb_build_object(
        'booking_id', b.id, 'uid', n.uid, 'status', b.status, 'starts_at', b.starts_at, 'ends_at', b.ends_at,
        'event_type_id', b.event_type_id, 'seated', d.seated, 'host_email', d.host_email,
        'person', a.person, 'seat_uid', (
            select p.person ->> 'seat'
            from private.reports r cross join jsonb_array_elements(r.people) p (person)
            where r.booking_id = b.id and p.person ->> 'seat' is not null
              and coalesce(p.person ->> 'email', p.person ->> 'phone') = coalesce(a.person ->> 'email', a.person ->> 'phone')
            order by r.at desc limit 1))
    from public.bookings b
    join private.booking_details d on d.booking_id = b.id
    left join private.booking_nodes n on n.booking_id = b.id and n.is_head and n.uid not like '#%'
    left join lateral (
        select jsonb_strip_nulls(jsonb_build_object('email', x.email, 'phone', x.phone, 'name', x.name,
            'time_zone', x.time_zone, 'locale', x.locale)) as person
        from public.booking_attendees x where x.id = p_attendee_id) a on true
    where b.id = p_booking_id
$$;

-- The same for a person who looks at free times. One person's looking must not use up what Cal.com allows all.
-- → {"wait": seconds} after 20 looks in a minute
create function private.about_to_look(p_booking_id uuid, p_user_id uuid) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    c_looks constant integer := 20;
    v_wait numeric;
begin
    select ceil(extract(epoch from min(x.at) + interval '1 minute' - clock_timestamp())) into v_wait
    from (select c.at from private.calcom_calls c
          where c.user_id = p_user_id and c.at > clock_timestamp() - interval '1 minute' order by c.at desc limit c_looks) x
    having count(*) >= c_looks;
    if v_wait is not null then
        return jsonb_build_object('wait', greatest(v_wait, 1));
    end if;
    insert into private.calcom_calls (at, user_id) values (clock_timestamp(), p_user_id);
    return private.calcom_names(p_booking_id, null);
end $$;

-- Whom Cal.com is to be asked about, for an action that was begun. `look_first`: an earlier try may have come through.
-- {"wait": seconds} where a bulk action has to wait for its turn.
create function private.action_target(p_action_id uuid, p_can_wait boolean) returns jsonb
    language plpgsql security definer set search_path = '' set timezone = 'UTC' as $$
declare
    a private.actions;
    v_wait numeric := private.note_calls(1, p_can_wait);
begin
    if v_wait > 0 then
        return jsonb_build_object('wait', v_wait);
    end if;
    select * into a from private.actions x where x.id = p_action_id and x.state = 'started' for update;
    if a.id is null then
        raise exception 'no such action under way' using errcode = 'PT404';
    end if;
    update private.actions x set asked_at = coalesce(x.asked_at, clock_timestamp()) where x.id = a.id;
    return private.calcom_names(a.booking_id, a.attendee_id) || jsonb_build_object(
        'kind', a.kind, 'scope', a.scope, 'start', a.starts_at, 'reason', a.reason, 'by_staff', a.actor_kind = 'staff',
        'actor_email', (select lower(u.email::text) from auth.users u where u.id = a.user_id),
        'look_first', a.asked_at is not null or exists (
            select 1 from private.actions x
            where x.booking_id = a.booking_id and x.id <> a.id and x.state in ('started', 'uncertain')
              and x.started_at > now() - interval '1 hour'));
end $$;

-- An answer of the API made to fit what is known of its booking. What it says again in other words is left out, so that
-- it is no news: a link that is known as the place of the app that made it, a host who is known, what people answered. Of a
-- booking that has just been moved it keeps what the API does not tell. Co-hosts, whom the API lists among attendees, are
-- those that a body named; of a booking whose making no body told of, those that its form does not name (p_unlisted).
-- p_booking_id: the booking that it is known to be about, where its names do not tell.
create function private.fit_answer(p_change jsonb, p_unlisted jsonb, p_booking_id uuid) returns jsonb
    language plpgsql stable set search_path = '' as $$
declare
    b public.bookings;
    d private.booking_details;
    v_is_known boolean;
    v_host jsonb;
    v_team jsonb := coalesce(p_unlisted, '[]');
begin
    select x.* into b from private.booking_nodes n join public.bookings x on x.id = n.booking_id
    where n.uid in (p_change ->> 'uid', p_change ->> 'rescheduled_from_uid', p_change ->> 'rescheduled_to_uid')
    order by n.uid = p_change ->> 'uid' desc limit 1;
    if b.id is null then
        select * into b from public.bookings x where x.id = p_booking_id;
    end if;
    if b.id is not null then
        select * into d from private.booking_details x where x.booking_id = b.id;
        v_is_known := exists (select 1 from private.booking_nodes n where n.uid = p_change ->> 'uid');
        select coalesce(jsonb_agg(h.email order by h.email), '[]') into v_team
        from (select h.email from private.booking_hosts h where h.booking_id = b.id
              union  -- of an earlier part of the chain
              select i.email from jsonb_array_elements_text(d.insiders) i (email)
              where p_change -> 'people' @> jsonb_build_array(jsonb_build_object('email', i.email))
              union
              select u.email from jsonb_array_elements_text(p_unlisted) u (email)
              where not exists (select 1 from private.reports r
                                where r.booking_id = b.id and r.phase >= 0 and r."trigger" not in ('API', 'CANCELLED', 'REJECTED'))) h
        where h.email is distinct from p_change #>> '{host,email}';
        if d.seated then  -- though a cancelled group lists nobody
            p_change := p_change - 'title' || '{"seated": true}'
                || case when p_change ->> 'trigger' = 'API' then '{"reason": null}' else '{}' end::jsonb;
        end if;
        if p_change ->> 'location' ~ '^https?://' and b.location like 'integrations:%'
           and (not v_is_known or p_change ->> 'location' = b.meeting_url) then
            p_change := p_change || jsonb_build_object('location', case when not v_is_known then b.location end);
        end if;
        if not v_is_known then
            select r.host into v_host from private.reports r
            where r.booking_id = b.id and r.host ->> 'email' = p_change #>> '{host,email}' order by r.at desc limit 1;
            p_change := jsonb_build_object('description', b.description, 'event_type_title', b.event_type_title,
                'event_type_slug', b.event_type_slug, 'seats', b.seats) || p_change
                || case when v_host is null then '{}' else jsonb_build_object('host', v_host) end;
        elsif (p_change #>> '{host,email}', p_change #>> '{host,name}') = (d.host_email, b.host_name) then
            p_change := p_change - 'host';
        end if;
        if v_is_known and p_change ? 'people' then
            p_change := jsonb_set(p_change, '{people}', (
                select jsonb_agg(case when a.responses is null then p.person else p.person - 'responses' end order by p.n)
                from jsonb_array_elements(p_change -> 'people') with ordinality p (person, n)
                left join public.booking_attendees a on a.booking_id = b.id
                    and coalesce(a.email, a.phone) = coalesce(p.person ->> 'email', p.person ->> 'phone')));
        end if;
    end if;
    return jsonb_strip_nulls(p_change) || case when v_team = '[]' then '{}' else jsonb_build_object('team', v_team) end;
end $$;

-- Ends an action: records what Cal.com answered (p_changes, as BookingChange) and what became of it, in one transaction.
-- → {"state", "outcome", "booking": as the actor sees it, "bookings": [{"id", "changed", "due"}], "messages": n}
create function private.finish_action(p_action_id uuid, p_state text, p_outcome text, p_changes jsonb) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    a private.actions;
    v_recorded jsonb := '{"bookings": []}';
begin
    select * into a from private.actions x where x.id = p_action_id for update;
    if a.id is null then
        raise exception 'no such action' using errcode = 'PT404';
    end if;
    if p_state = 'released' then  -- Cal.com was not asked: the batch comes back to it
        delete from private.actions x where x.id = a.id and x.asked_at is null;
        update private.actions x set state = 'uncertain', finished_at = now() where x.id = a.id;
        return jsonb_build_object('state', 'released');
    end if;
    -- Before what it brought is recorded: what was found done already, or was not done, is not this person's doing. What is
    -- done stays done, whatever a slower try of it came to.
    if a.state <> 'done' then
        update private.actions x
        set state = p_state, outcome = p_outcome, finished_at = clock_timestamp(), series_id = coalesce(x.series_id,
            case x.scope when 'remaining' then md5('series:' || (jsonb_path_query_first(p_changes, '$[*].series') #>> '{}'))::uuid end)
        where x.id = a.id returning * into a;
    end if;
    if p_changes <> '[]' then
        v_recorded := private.record_event(jsonb_build_object('source', 'action', 'notify', 'all', 'received_at', now(),
            'changes', (select jsonb_agg(private.fit_answer(c.change, null, a.booking_id) order by c.n)
                        from jsonb_array_elements(p_changes) with ordinality c (change, n))));
        if v_recorded ->> 'outcome' = 'quarantined' then  -- done there, not written here: the API is read again soon
            update private.actions x set state = 'uncertain' where x.id = a.id returning * into a;
        end if;
    end if;
    if a.state = 'uncertain' then
        perform private.doubt(a.booking_id, 'uncertain_action', 'what came of an action is not known');
    end if;
    perform set_config('request.jwt.claim.sub', a.user_id::text, true);
    return jsonb_build_object('state', a.state, 'outcome', a.outcome, 'booking', private.my_booking(
            -- A seat that was moved is in another booking now.
            case a.kind when 'move' then coalesce((v_recorded ->> 'booking_id')::uuid, a.booking_id) else a.booking_id end),
        'bookings', v_recorded -> 'bookings', 'messages', (
            select count(*) from public.notifications n
            where n.created_at >= a.asked_at and n.kind <> 'reminder' and n.status <> 'skipped'
              and (n.booking_id = a.booking_id
                   or n.booking_id in (select (b ->> 'id')::uuid from jsonb_array_elements(v_recorded -> 'bookings') b))));
end $$;

create function public.calcom_names(p_booking_id uuid, p_user_id uuid) returns jsonb
    language sql security invoker set search_path = '' as $$
    select private.about_to_look(private.current_booking_id(p_booking_id), p_user_id)
$$;
create function public.action_target(p_action_id uuid, p_can_wait boolean default false) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.action_target(p_action_id, p_can_wait) $$;
create function public.finish_action(p_action_id uuid, p_state text, p_outcome text, p_changes jsonb default '[]')
    returns jsonb
    language sql security invoker set search_path = ''
    as $$ select private.finish_action(p_action_id, p_state, p_outcome, p_changes) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.note_calls(integer, boolean), public.calcom_names(uuid, uuid),
    public.action_target(uuid, boolean), public.finish_action(uuid, text, text, jsonb) from public, anon, authenticated;
grant execute on function private.note_calls(integer, boolean), private.about_to_look(uuid, uuid),
    private.current_booking_id(uuid), private.action_target(uuid, boolean),
    private.finish_action(uuid, text, text, jsonb) to service_role;
grant execute on function public.note_calls(integer, boolean), public.calcom_names(uuid, uuid),
    public.action_target(uuid, boolean), public.finish_action(uuid, text, text, jsonb) to service_role;
comment on table private.calcom_limit is 'Calls a minute that Cal.com allows a key, and how many of them are kept for clients.';
comment on function public.action_target(uuid, boolean) is
    '{"uid", "seat_uid"?, "person"?, "kind", "scope", "start", "reason", "look_first", …}, or {"wait": seconds}.';
comment on function public.finish_action(uuid, text, text, jsonb) is
    'Records Cal.com''s answer and how the action ended: p_state done | failed | uncertain, or released: it was not begun.';
