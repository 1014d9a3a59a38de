-- Whoever claims, settles or plans takes the same locks in the same order: bookings, people, messages, buckets.

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
create or replace function private.claim_batches(p_booking_id uuid, p_limit integer, p_lease integer) returns uuid[]
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

-- What providers say of how fast they may be called, and that they were called too fast.
create or replace function private.note_rate(p_results jsonb) returns void
    language plpgsql set search_path = '' as $$
begin
    if not exists (select 1 from jsonb_array_elements(p_results) s (r) where s.r ? 'rate_limit') then
        return;
    end if;
    perform 1 from private.send_rates r order by r.channel for update;
    update private.send_rates r
    set rate = greatest(coalesce(x.rate, r.rate), 0.1),
        tokens = case when x.exceeded then 0 else r.tokens end,
        refilled_at = case when x.exceeded then clock_timestamp() else r.refilled_at end
    from (
        select n.channel, min((s.r ->> 'rate_limit')::numeric) as rate,
            bool_or(s.r -> 'rate_limited' = 'true' and s.r ->> 'rate_limit' is not null) as exceeded
        from jsonb_array_elements(p_results) s (r) join public.notifications n on n.id = (s.r ->> 'id')::uuid
        group by n.channel) x
    where r.channel = x.channel and (x.exceeded or r.rate <> x.rate);
end $$;

-- The buckets last: a claim holds them while it takes messages.
create or replace function private.settle_notifications(p_results jsonb) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_booking_ids uuid[];
    v_reminders jsonb;
    v_others jsonb;
    v_settled integer := 0;
begin
    select coalesce(array_agg(distinct n.booking_id), '{}'),
        coalesce(jsonb_agg(r.r) filter (where n.kind = 'reminder' and r.r ->> 'outcome' = 'sent'), '[]'),
        coalesce(jsonb_agg(r.r order by r.r ->> 'id')
                 filter (where not (n.kind = 'reminder' and r.r ->> 'outcome' = 'sent')), '[]')
    into v_booking_ids, v_reminders, v_others
    from jsonb_array_elements(p_results) r (r) join public.notifications n on n.id = (r.r ->> 'id')::uuid;
    perform 1 from public.bookings b where b.id = any (v_booking_ids) order by b.id for share;
    perform pg_advisory_xact_lock(hashtextextended('person:' || w.who, 0))
    from (select distinct coalesce(a.email, a.phone) as who
          from jsonb_array_elements(p_results) r (r)
          join public.notifications n on n.id = (r.r ->> 'id')::uuid
          join public.booking_attendees a on a.id = n.attendee_id
          order by 1) w;
    if v_reminders <> '[]' then
        v_settled := private.settle_sent_reminders(v_reminders);
    end if;
    select v_settled + count(*) filter (where s.counted) into v_settled
    from (select private.settle_one(r.r) as counted from jsonb_array_elements(v_others) r (r)) s;
    perform private.note_rate(p_results);
    return jsonb_build_object('settled', v_settled);
end $$;

-- A receipt that names only the provider's id waits for who is settling that message. Others may hold the person and
-- settle it once more, so nothing is held while it waits for the person.
create or replace function private.record_receipt(p_receipt jsonb) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    r private.receipts := jsonb_populate_record(null::private.receipts, p_receipt);
    v_id uuid := (select n.id from public.notifications n where n.id = r.notification_id and n.channel = r.channel);
begin
    insert into private.receipts (receipt_id, channel, provider_id, notification_id, event, permanent, detail, occurred_at)
    values (r.receipt_id, r.channel, r.provider_id, r.notification_id, r.event, coalesce(r.permanent, false),
        left(r.detail, 500), coalesce(r.occurred_at, now()))
    on conflict (receipt_id) do nothing;
    if not found then
        return '{"outcome": "duplicate"}';
    end if;
    v_id := coalesce(v_id, private.message_of_provider(r.channel, r.provider_id));
    if v_id is null and r.provider_id is not null then  -- perhaps it is being settled
        begin
            perform pg_advisory_xact_lock(hashtextextended('receipt:' || r.provider_id, 0));
            v_id := private.message_of_provider(r.channel, r.provider_id);
            if v_id is not null then
                raise exception 'settled meanwhile' using errcode = 'PT409';
            end if;
        exception when sqlstate 'PT409' then
            null;  -- the lock is given back: bookings and people come first
        end;
    end if;
    if v_id is null then
        return '{"outcome": "unknown"}';
    end if;
    perform private.lock_for_receipt(v_id, exists (  -- those that came before count too
        select 1 from private.receipts x join public.notifications n on n.id = v_id
        where (x.permanent or x.event = 'complained')
          and (x.notification_id = v_id or x.channel = r.channel and x.provider_id in (r.provider_id, n.provider_id))));
    perform private.apply_receipts(v_id);
    return '{"outcome": "applied"}';
end $$;

revoke execute on all functions in schema private from public, anon;
