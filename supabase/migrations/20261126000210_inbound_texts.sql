-- What people text to us: STOP, START and HELP. Nothing else that they write is kept, and no text cancels a booking.

create table private.inbound_texts (
    sid text primary key,
    number text not null,
    word text,
    received_at timestamptz not null default now(),
    constraint inbound_texts_number check (number ~ '^\+[1-9][0-9]{6,14}$'),
    constraint inbound_texts_word check (word in ('stop', 'start', 'help'))
);
create index inbound_texts_number on private.inbound_texts (number);

-- In which language the owner of a number reads; null: not known.
create function private.locale_of_number(p_number text) returns text
    language sql stable set search_path = '' as $$
    select coalesce(
        (select p.locale from public.notification_preferences p
         where p.phone = p_number and p.locale is not null order by p.phone_verified_at desc nulls last limit 1),
        (select a.locale from public.booking_attendees a join public.bookings b on b.id = a.booking_id
         where a.phone = p_number and a.locale is not null order by b.starts_at desc limit 1))
$$;

-- STOP ends all texts to a number and withdraws each consent for it. START lifts only what a STOP did, and gives no
-- consent: that takes the portal. → {"outcome": "applied" | "duplicate" | "ignored", "locale"}
create function private.record_inbound_text(p_text jsonb) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    t private.inbound_texts := jsonb_populate_record(null::private.inbound_texts, p_text);
    v_is_new boolean;
begin
    insert into private.inbound_texts (sid, number, word) values (t.sid, t.number, t.word)
    on conflict (sid) do nothing;
    v_is_new := found;
    if v_is_new and t.word in ('stop', 'start') then
        perform private.lock_for_suppressing('{}', array[t.number]);
    end if;
    if v_is_new and t.word = 'stop' then
        insert into public.suppressions (channel, address, reason) values ('sms', t.number, 'stopped')
        on conflict do nothing;
        update public.sms_consents c set withdrawn_at = greatest(now(), c.given_at)
        where c.phone = t.number and c.withdrawn_at is null;
    elsif v_is_new and t.word = 'start' then
        delete from public.suppressions s where s.channel = 'sms' and s.address = t.number and s.reason = 'stopped';
    end if;
    return jsonb_build_object(
        'outcome', case when not v_is_new then 'duplicate' when t.word is null then 'ignored' else 'applied' end,
        'locale', private.locale_of_number(t.number));
end $$;

create function public.record_inbound_text(p_text jsonb) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.record_inbound_text(p_text) $$;

-- What came in from a person who is erased, their texts too.
create or replace function private.erase_from_inbox(p private.person_to_erase) returns integer
    language plpgsql set search_path = '' as $$
declare
    v_count integer;
begin
    update public.webhook_events w
    set body = private.stub_of(w.body), error = split_part(w.error, ':', 1)
    where w.booking_id = any (p.booked_ids)
       or w.booking_id = any (p.booking_ids) and exists (
           select 1 from unnest(p.names) n (name) where strpos(lower(w.body::text), lower(ltrim(n.name, '+'))) > 0)
       or w.booking_id is null and strpos(lower(w.body::text), ltrim(p.who, '+')) > 0;  -- <digits>@sms.cal.com
    get diagnostics v_count = row_count;
    update private.pending_events x set event = private.redact_erased_event(x.event)
    where strpos(lower(x.event::text), p.who) > 0;
    delete from private.inbound_texts x where x.number = any (p.phones || p.who);
    return v_count;
end $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.record_inbound_text(jsonb) from public, anon, authenticated;
grant execute on function private.record_inbound_text(jsonb), public.record_inbound_text(jsonb) to service_role;
comment on table private.inbound_texts is 'Every text to us once: from whom, and which word it was. What it said is not kept.';
comment on column private.inbound_texts.word is 'Null: none that we act on.';
comment on function public.record_inbound_text(jsonb) is
    '{"sid", "number", "word": "stop|start|help"|null} → {"outcome": "applied|duplicate|ignored", "locale"}';
