-- What providers say became of a message. Receipts come late, twice, out of order, and before the send is settled.

create table private.receipts (
    receipt_id text primary key,
    channel text not null,
    provider_id text,
    notification_id uuid,  -- as claimed by the provider: no foreign key, since a receipt is kept whatever it names
    event text not null,
    permanent boolean not null default false,
    detail text,
    occurred_at timestamptz not null,
    received_at timestamptz not null default now(),
    constraint receipts_channel check (channel in ('email', 'sms')),
    constraint receipts_name_a_message check (provider_id is not null or notification_id is not null)
);
create index receipts_notification on private.receipts (notification_id) where notification_id is not null;
create index receipts_provider on private.receipts (channel, provider_id) where provider_id is not null;

-- The state that an event of Resend or Twilio proves; null: it proves none (queued, opened, delayed).
create function private.receipt_status(p_event text) returns text
    language sql immutable set search_path = '' as $$
    select case
        when p_event = 'sent' then 'sent'
        when p_event = 'delivered' then 'delivered'
        when p_event in ('bounced', 'failed', 'suppressed', 'undelivered') then 'bounced'
        when p_event = 'complained' then 'complained'
    end
$$;

-- Moves a message forward by all receipts kept for it. A receipt proves that the provider took the message, so
-- nothing more is sent; settling may come later, or never.
create function private.apply_receipts(p_notification_id uuid) returns void
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
        values (n.channel, n.recipient, case r.event when 'complained' then 'complained' else 'bounced' end)
        on conflict do nothing;
    end if;
end $$;

-- The locks of a message in the order that all writers keep: bookings (suppressing plans them anew), then the person.
create function private.lock_for_receipt(p_notification_id uuid, p_suppresses boolean) returns void
    language plpgsql set search_path = '' as $$
declare
    v_own uuid;
    v_who text;
    v_booking_ids uuid[];
begin
    select n.booking_id, coalesce(a.email, a.phone) into v_own, v_who
    from public.notifications n join public.booking_attendees a on a.id = n.attendee_id
    where n.id = p_notification_id;
    v_booking_ids := v_own || array(
        select b.id from public.bookings b
        where p_suppresses and b.ends_at > now()
          and b.id in (select a.booking_id from public.booking_attendees a where a.email = v_who or a.phone = v_who));
    perform 1 from public.bookings b where b.id = any (v_booking_ids) order by b.id for share;
    if p_suppresses then
        perform private.lock_people(v_booking_ids);
    else
        perform pg_advisory_xact_lock(hashtextextended('person:' || v_who, 0));
    end if;
end $$;

create function private.message_of_provider(p_channel text, p_provider_id text) returns uuid
    language sql stable set search_path = '' as $$
    select n.id from public.notifications n where n.channel = p_channel and n.provider_id = p_provider_id limit 1
$$;

-- → {"outcome": "applied" | "duplicate" | "unknown" (kept: its message may be settled later)}
create function private.record_receipt(p_receipt jsonb) returns jsonb
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
        perform pg_advisory_xact_lock(hashtextextended('receipt:' || r.provider_id, 0));
        v_id := private.message_of_provider(r.channel, r.provider_id);
    end if;
    if v_id is null then
        return '{"outcome": "unknown"}';
    end if;
    perform private.lock_for_receipt(v_id, r.event = 'complained' or coalesce(r.permanent, false));
    perform private.apply_receipts(v_id);
    return '{"outcome": "applied"}';
end $$;

create function public.record_receipt(p_receipt jsonb) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.record_receipt(p_receipt) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.record_receipt(jsonb) from public, anon, authenticated;
grant execute on function private.record_receipt(jsonb), public.record_receipt(jsonb) to service_role;
comment on table private.receipts is 'Every receipt once, also those of messages that we do not know.';
comment on function public.record_receipt(jsonb) is
    '{"receipt_id", "channel", "provider_id"?, "notification_id"?, "event", "permanent"?, "detail"?, "occurred_at"} → {"outcome"}';
