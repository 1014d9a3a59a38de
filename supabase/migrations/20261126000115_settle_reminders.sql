-- Reminders that were accepted are settled at once; what was refused for certain goes back, a batch that is in doubt stays.

-- Keeps the bytes before the first post. A key that is not in the answer has lost its lease.
create or replace function private.store_payloads(p_payloads jsonb) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_stored jsonb;
begin
    with mine as (
        select p.batch_key, p.payload
        from jsonb_to_recordset(p_payloads) p (lease uuid, batch_key text, payload text)
        where exists (select 1 from private.outbox o
                      where o.batch_key = p.batch_key and o.lease = p.lease and o.open and o.try_at > clock_timestamp())),
    kept as (
        insert into private.outbox_batches (key, payload)
        select m.batch_key, convert_to(m.payload, 'UTF8') from mine m
        on conflict (key) do nothing)
    select coalesce(jsonb_agg(distinct m.batch_key), '[]') into v_stored from mine m;
    return jsonb_build_object('stored', v_stored);
end $$;

-- A try that did not end the message. Certainly refused: it is planned again, may be superseded and is rendered anew.
-- In doubt: only the same bytes may be posted again. It ends after 8 tries, a reminder when its meeting begins.
-- → the final status, or null
create or replace function private.settle_retry(n public.notifications, o private.outbox, p_result jsonb) returns text
    language plpgsql set search_path = '' as $$
declare
    v_in_doubt constant boolean := o.in_doubt or coalesce(p_result -> 'accepted' <> 'false', true);
    v_tries constant integer := o.tries + case when p_result -> 'rate_limited' = 'true' then 0 else 1 end;  -- 429 is free
    v_is_reminder constant boolean := n.kind = 'reminder';
begin
    update public.notifications x set attempts = x.attempts + v_tries - o.tries where x.id = n.id;
    if (case when v_is_reminder then n.starts_at <= private.clock() else v_tries >= 8 end) then
        return case when v_in_doubt then 'unknown' else 'failed' end;
    end if;
    update private.outbox x
    set lease = null, tries = v_tries, in_doubt = v_in_doubt,
        try_at = coalesce((p_result ->> 'retry_at')::timestamptz,
                          private.next_try(case when v_is_reminder then least(v_tries, 4) else v_tries end))
    where x.notification_id = n.id;
    if not v_in_doubt then
        update private.outbox x
        set first_tried_at = null, batch_key = case when v_is_reminder then null else x.batch_key end
        where x.notification_id = n.id;
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
create or replace function private.settle_one(p_result jsonb) returns boolean
    language plpgsql set search_path = '' as $$
declare
    n public.notifications;
    o private.outbox;
    v_outcome text := p_result ->> 'outcome';
begin
    select * into o from private.outbox x where x.notification_id = (p_result ->> 'id')::uuid for update;
    select * into n from public.notifications x where x.id = o.notification_id for update;
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
    where p.key = o.batch_key and not exists (select 1 from private.outbox x where x.batch_key = p.key and x.open)
      and not (v_outcome = 'unknown' and n.channel = 'sms');  -- its words tell it among those that Twilio lists
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

-- Reminders that were accepted, all at once: nobody was told anything by them, so nothing is planned anew. → how many
create function private.settle_sent_reminders(p_results jsonb) returns integer
    language plpgsql set search_path = '' as $$
declare
    v_ids constant uuid[] := array(select (r.r ->> 'id')::uuid from jsonb_array_elements(p_results) r (r));
    v_count integer;
begin
    perform 1 from private.outbox o where o.notification_id = any (v_ids) order by o.notification_id for update;
    -- A receipt that names only Resend's id may be on its way: whoever comes second sees the other.
    perform pg_advisory_xact_lock(hashtextextended('receipt:' || x.provider_id, 0))
    from (select r.r ->> 'provider_id' as provider_id from jsonb_array_elements(p_results) r (r)
          where r.r ? 'provider_id' order by 1) x;
    with result as (
        select r.id, r.provider_id from jsonb_to_recordset(p_results) r (id uuid, provider_id text)
    ), tried as (
        insert into private.delivery_attempts (notification_id, outcome) select r.id, 'sent' from result r
    ), closed as (
        update private.outbox o set open = false, lease = null, in_doubt = false from result r where o.notification_id = r.id
    )
    update public.notifications n
    set status = case when n.status in ('delivered', 'bounced', 'complained') then n.status else 'sent' end,
        reason = case when n.status = 'bounced' then n.reason end,
        attempts = n.attempts + 1,
        provider_id = coalesce(r.provider_id, n.provider_id),
        sent_at = coalesce(n.sent_at, clock_timestamp())
    from result r where n.id = r.id;
    get diagnostics v_count = row_count;
    delete from private.outbox_batches p
    where p.key in (select o.batch_key from private.outbox o where o.notification_id = any (v_ids))
      and not exists (select 1 from private.outbox x where x.batch_key = p.key and x.open);
    perform private.apply_receipts(n.id)
    from public.notifications n
    where n.id = any (v_ids) and exists (
        select 1 from private.receipts x
        where x.notification_id = n.id or x.channel = n.channel and x.provider_id = n.provider_id);
    return v_count;
end $$;

-- What providers say of how fast they may be called, and that they were called too fast.
create function private.note_rate(p_results jsonb) returns void
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

revoke execute on all functions in schema private from public, anon;
grant execute on function private.store_payloads(jsonb), private.settle_notifications(jsonb) to service_role;
