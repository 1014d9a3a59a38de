-- Where a provider has given an address or a number up, nothing more is sent: which errors say so, and the locks that
-- saying it needs, since suppressing plans everybody's bookings anew whom that address leads to.

create index notification_preferences_phone on public.notification_preferences (phone)
    where phone is not null;

-- Twilio's errors after which a number is not tried again: it answered STOP (21610), is none (21211), takes no texts
-- (21614, 30006), is unreachable, blocked or unknown (30003, 30004, 30005). The code is all of a text, or its last word.
create function private.is_final_text_error(p_error text) returns boolean
    language sql immutable set search_path = '' as $$
    select coalesce(substring(p_error from '(?:^| )([0-9]{5})$')
        in ('21610', '21211', '21614', '30003', '30004', '30005', '30006'), false)
$$;

-- `stopped`: the person said so, and may take it back by a text; else only an admin may.
create function private.suppression_reason(p_channel text, p_error text) returns text
    language sql immutable set search_path = '' as $$
    select case when p_channel = 'sms' and p_error ~ '(^| )21610$' then 'stopped' else 'bounced' end
$$;

-- The bookings to come of everybody whom these addresses or numbers lead to.
create function private.bookings_reached_at(p_addresses text[]) returns uuid[]
    language sql stable set search_path = '' as $$
    with owners as (
        select u.address as email from unnest(p_addresses) u (address)
        union select p.email from public.notification_preferences p where p.phone = any (p_addresses)
        union select c.email from public.sms_consents c where c.phone = any (p_addresses)
    ), attended as (
        select a.booking_id from public.booking_attendees a where a.email in (select o.email from owners o)
        union select a.booking_id from public.booking_attendees a where a.phone = any (p_addresses)
    )
    select array(select t.booking_id from attended t join public.bookings b on b.id = t.booking_id where b.ends_at > now())
$$;

-- All that suppressing these addresses, or lifting that, will lock, in the order that all writers keep: bookings in the
-- order of their ids, then people. `p_booking_ids`: those that the caller works on besides.
create function private.lock_for_suppressing(p_booking_ids uuid[], p_addresses text[]) returns void
    language plpgsql set search_path = '' as $$
declare
    v_booking_ids constant uuid[] := p_booking_ids || private.bookings_reached_at(p_addresses);
begin
    perform 1 from public.bookings b where b.id = any (v_booking_ids) order by b.id for share;
    perform private.lock_people(v_booking_ids);
end $$;

-- A text goes to the number of somebody's wishes, who is found by their address.
create or replace function private.plan_after_suppressions() returns trigger
    language plpgsql security definer set search_path = '' as $$
declare
    v_numbers constant text[] := array(select c.address from changed c where c.channel = 'sms');
begin
    perform private.plan_for(
        array(select c.address from changed c where c.channel = 'email'
              union select p.email from public.notification_preferences p where p.phone = any (v_numbers)),
        v_numbers);
    return null;
end $$;

create or replace function private.lock_for_receipt(p_notification_id uuid, p_suppresses boolean) returns void
    language plpgsql set search_path = '' as $$
declare
    n public.notifications;
begin
    select * into n from public.notifications x where x.id = p_notification_id;
    if p_suppresses then
        perform private.lock_for_suppressing(array[n.booking_id], array[n.recipient]);
    else
        perform 1 from public.bookings b where b.id = n.booking_id for share;
        perform pg_advisory_xact_lock(hashtextextended('person:' || coalesce(a.email, a.phone), 0))
        from public.booking_attendees a where a.id = n.attendee_id;
    end if;
end $$;

-- That a text waits at Twilio proves that Twilio took it, which is what `sent` means.
create or replace function private.receipt_status(p_event text) returns text
    language sql immutable set search_path = '' as $$
    select case
        when p_event in ('accepted', 'queued', 'sending', 'sent') then 'sent'
        when p_event = 'delivered' then 'delivered'
        when p_event in ('bounced', 'failed', 'suppressed', 'undelivered') then 'bounced'
        when p_event = 'complained' then 'complained'
    end
$$;

create or replace function private.apply_receipts(p_notification_id uuid) returns void
    language plpgsql set search_path = '' as $$
declare
    n public.notifications;
    r private.receipts;
    v_status text;
begin
    select * into n from public.notifications x where x.id = p_notification_id for update;
    if n.provider_id is not null then
        -- A receipt that names only this id may be on its way: whoever comes second sees the other.
        perform pg_advisory_xact_lock(hashtextextended('receipt:' || n.provider_id, 0));
    end if;
    select x.* into r
    from private.receipts x
    where (x.notification_id = n.id or x.channel = n.channel and x.provider_id = n.provider_id)
      and private.receipt_status(x.event) is not null
    order by private.status_rank(private.receipt_status(x.event)) desc, x.permanent desc, x.occurred_at
    limit 1;
    if not found then
        return;
    end if;
    v_status := private.receipt_status(r.event);
    if n.status = 'skipped' or private.status_rank(v_status) > private.status_rank(n.status) then
        update private.outbox o set open = false where o.notification_id = n.id;
        update public.notifications x
        set status = v_status,
            reason = case when v_status = 'bounced' then case when r.permanent then 'permanent: ' else '' end || r.event end,
            provider_id = coalesce(x.provider_id, r.provider_id),
            sent_at = coalesce(x.sent_at, r.occurred_at)
        where x.id = n.id;
        if n.status in ('planned', 'failed', 'skipped') then  -- they were told more than was thought
            perform private.plan_again(n);
        end if;
    end if;
    if r.event = 'complained' or r.permanent and v_status = 'bounced' then
        insert into public.suppressions (channel, address, reason)
        values (n.channel, n.recipient,
            case r.event when 'complained' then 'complained' else private.suppression_reason(n.channel, r.detail) end)
        on conflict do nothing;
    end if;
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

-- Settles, and suppresses numbers that Twilio refused for good. Whatever may be suppressed, by such a refusal or by a
-- receipt that came first, is known before, so that the locks are taken in their order; all else is locked as ever.
create function private.settle_and_suppress(p_results jsonb) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_booking_ids uuid[];
    v_given_up text[];
    v_settled jsonb;
begin
    select array_agg(distinct n.booking_id),
        array_agg(distinct n.recipient) filter (
            where r.outcome = 'failed' and n.channel = 'sms' and private.is_final_text_error(r.error)
               or exists (select 1 from private.receipts x
                          where x.notification_id = n.id and (x.permanent or x.event = 'complained'))
               or exists (select 1 from private.receipts x
                          where x.channel = n.channel and x.provider_id = coalesce(r.provider_id, n.provider_id)
                            and (x.permanent or x.event = 'complained')))
    into v_booking_ids, v_given_up
    from jsonb_to_recordset(p_results) r (id uuid, outcome text, provider_id text, error text)
    join public.notifications n on n.id = r.id;
    if v_given_up is null then
        return private.settle_notifications(p_results);
    end if;
    perform private.lock_for_suppressing(v_booking_ids, v_given_up);
    v_settled := private.settle_notifications(p_results);
    insert into public.suppressions (channel, address, reason)
    select distinct on (n.recipient) 'sms', n.recipient, private.suppression_reason('sms', r.error)
    from jsonb_to_recordset(p_results) r (id uuid, outcome text, error text)
    join public.notifications n on n.id = r.id
    where r.outcome = 'failed' and n.channel = 'sms' and n.status = 'failed' and private.is_final_text_error(r.error)
    order by n.recipient, 3 desc
    on conflict do nothing;
    return v_settled;
end $$;

create or replace function public.settle_notifications(p_results jsonb) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.settle_and_suppress(p_results) $$;

revoke execute on all functions in schema private from public, anon;
grant execute on function private.settle_and_suppress(jsonb) to service_role;
