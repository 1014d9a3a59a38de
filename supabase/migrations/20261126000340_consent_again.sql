-- Consent given again without a code, for a number that is verified; why no texts may go to a number; and all that changes
-- wishes or consents locks what planning will lock first, in the order of all writers: bookings, people, then its own rows.

-- `stopped`: by a text, and START takes it back. `suppressed`: it cannot be reached, or the team wants none sent to it.
create function private.why_no_texts(p_phone text) returns text
    language sql stable set search_path = '' as $$
    select case s.reason when 'stopped' then 'stopped' else 'suppressed' end
    from public.suppressions s where s.channel = 'sms' and s.address = p_phone
$$;

create function private.lock_to_wish(p_email text) returns void
    language sql set search_path = '' as $$ select private.lock_for_suppressing('{}', array[p_email]) $$;

create or replace function private.withdraw_consents(p_email text, p_but_phone text default null) returns void
    language plpgsql security definer set search_path = '' as $$
begin
    if not exists (select 1 from public.sms_consents c where c.email = p_email and c.withdrawn_at is null
                   and c.phone is distinct from p_but_phone) then
        return;
    end if;
    perform private.lock_to_wish(p_email);
    -- A consent may have been given after this transaction began to wait for it.
    update public.sms_consents c set withdrawn_at = greatest(now(), c.given_at)
    where c.email = p_email and c.withdrawn_at is null and c.phone is distinct from p_but_phone;
end $$;

create or replace function private.wishes_shown(p_email text) returns jsonb
    language sql stable set search_path = '' as $$
    select to_jsonb(w) || jsonb_build_object(
        'sms_consent', private.has_consented(w.email, w.phone), 'no_texts', private.why_no_texts(w.phone))
    from private.wishes_of(p_email) w
$$;

create or replace function private.preferences_by_link(p_email text, p_changes jsonb, p_widen boolean) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_email constant text := lower(btrim(p_email));
begin
    if not p_widen and exists (
        select 1 from jsonb_each(p_changes) c
        where c.key not in ('email_reminders', 'sms_reminders') or c.value <> 'false') then
        raise exception 'this link can only turn reminders off' using errcode = 'PT403';
    end if;
    if p_changes <> '{}' and private.is_known(v_email) then
        perform private.lock_to_wish(v_email);
        perform private.set_wishes(v_email, p_changes);
        if p_changes -> 'sms_reminders' = 'false' then
            perform private.withdraw_consents(v_email);
        end if;
    end if;
    return private.shown_by_link(v_email, p_widen);
end $$;

-- Consent to texts to the number that this person has verified. → {"consented": true} or {"refused"}
create function private.consent(p_email text, p_consent_text text, p_source text) returns jsonb
    language plpgsql set search_path = '' as $$
declare
    v_wishes public.notification_preferences;
begin
    if btrim(coalesce(p_consent_text, '')) = '' or length(p_consent_text) > 2000 then
        raise exception 'the words that were shown are missing' using errcode = 'PT400';
    end if;
    perform private.lock_to_wish(p_email);
    select * into v_wishes from public.notification_preferences p where p.email = p_email for update;
    if v_wishes.phone is null or v_wishes.phone_verified_at is null then
        return private.refuse('not_verified');
    end if;
    if private.why_no_texts(v_wishes.phone) is not null then
        return private.refuse(private.why_no_texts(v_wishes.phone));
    end if;
    if not private.has_consented(p_email, v_wishes.phone) then
        insert into public.sms_consents (email, phone, text_shown, source)
        values (p_email, v_wishes.phone, p_consent_text, p_source);
    end if;
    return jsonb_build_object('consented', true);
end $$;

create or replace function private.consent_by_link(p_email text, p_consent_text text) returns jsonb
    language sql security definer set search_path = ''
    as $$ select private.consent(lower(btrim(p_email)), p_consent_text, 'link') $$;

-- As the signed-in person.
create function private.consent_to_texts(p_consent_text text) returns jsonb
    language plpgsql security definer set search_path = '' as $$
begin
    if private.my_email() is null then
        raise exception 'the address of this account is not confirmed' using errcode = 'PT403';
    end if;
    return private.consent(private.my_email(), p_consent_text, 'portal');
end $$;

create or replace function private.begin_phone_verification(p_user_id uuid, p_id uuid, p_phone text, p_code_hash text)
    returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_email constant text := private.act_as(p_user_id);
    v_wait integer;
begin
    -- Counted one after another, first per person, then per number.
    perform pg_advisory_xact_lock(hashtextextended('phone_code:' || v_email, 0));
    perform pg_advisory_xact_lock(hashtextextended('phone_code:' || p_phone, 0));
    delete from private.phone_codes c where c.made_at < now() - interval '1 day';
    if private.why_no_texts(p_phone) is not null then
        return private.refuse(private.why_no_texts(p_phone));
    end if;
    v_wait := private.wait_for_code(v_email, p_phone);
    if v_wait is not null then
        return private.refuse('rate_limited', jsonb_build_object('retry_after', greatest(v_wait, 1)));
    end if;
    update private.phone_codes c set ended_at = now() where c.email = v_email and c.ended_at is null;
    insert into private.phone_codes (id, email, phone, code_hash) values (p_id, v_email, p_phone, p_code_hash);
    return jsonb_build_object('id', p_id, 'locale', coalesce(
        (select p.locale from public.notification_preferences p where p.email = v_email),
        (select a.locale from public.booking_attendees a join public.bookings b on b.id = a.booking_id
         where a.email = v_email and a.locale is not null order by b.starts_at desc limit 1)));
end $$;

create or replace function private.finish_phone_verification(p_user_id uuid, p_code_hashes text[], p_consent_text text)
    returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    c_tries constant integer := 5;
    v_email constant text := private.act_as(p_user_id);
    v_code private.phone_codes;
begin
    update private.phone_codes c set tries = c.tries + 1
    where c.id = (select x.id from private.phone_codes x
                  where x.email = v_email and x.ended_at is null and x.made_at > now() - interval '10 minutes'
                  order by x.made_at desc limit 1 for update)
      and c.tries < c_tries and c.ended_at is null
    returning * into v_code;
    if v_code.id is null then
        return private.refuse('expired_code');
    end if;
    if v_code.code_hash <> all (p_code_hashes) then
        return private.refuse('wrong_code', jsonb_build_object('tries_left', c_tries - v_code.tries));
    end if;
    if private.why_no_texts(v_code.phone) is not null then
        return private.refuse(private.why_no_texts(v_code.phone));
    end if;
    perform private.lock_for_suppressing('{}', array[v_email, v_code.phone]);
    update private.phone_codes c set ended_at = now() where c.id = v_code.id;
    insert into public.notification_preferences (email) values (v_email) on conflict do nothing;
    update public.notification_preferences p set phone = v_code.phone, phone_verified_at = now(), sms_reminders = true
    where p.email = v_email;
    -- One consent stands at a time: the one whose words were read last.
    perform private.withdraw_consents(v_email);
    insert into public.sms_consents (email, phone, text_shown, source)
    values (v_email, v_code.phone, p_consent_text, 'portal');
    return jsonb_build_object('preferences', private.wishes_shown(v_email));
end $$;

create or replace function private.remove_phone() returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_email constant text := private.my_email();
begin
    if v_email is null then
        raise exception 'the address of this account is not confirmed' using errcode = 'PT403';
    end if;
    update private.phone_codes c set ended_at = now() where c.email = v_email and c.ended_at is null;
    perform private.lock_to_wish(v_email);
    update public.notification_preferences p set phone = null, phone_verified_at = null, sms_reminders = false
    where p.email = v_email;
    perform private.withdraw_consents(v_email);
    return private.wishes_shown(v_email);
end $$;

drop function private.is_stopped(text);

create function public.consent_to_texts(p_consent_text text) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.consent_to_texts(p_consent_text) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.consent_to_texts(text) from public, anon, service_role;
grant execute on function private.consent_to_texts(text), public.consent_to_texts(text) to authenticated;
comment on function public.consent_to_texts(text) is
    'Consent of the caller to texts to their verified number, and the words that they read. → {"consented"} or {"refused": '
    '"not_verified" | "stopped" | "suppressed"}';
comment on function public.consent_by_link(text, text) is
    'Consent to texts of who has just proven their address. → {"consented"} or {"refused": "not_verified" | "stopped" | '
    '"suppressed"}';
comment on function public.my_preferences() is
    'The caller''s preferences (defaults where there are none), with "sms_consent", and in "no_texts" why none may go to '
    'their number: null, "stopped" or "suppressed".';
comment on function public.begin_phone_verification(uuid, uuid, text, text) is
    'Before a code is texted for this user: → {"id", "locale"} or {"refused": "stopped" | "suppressed" | "rate_limited", '
    '"retry_after"?}.';
comment on function public.finish_phone_verification(uuid, text[], text) is
    '→ {"preferences"} or {"refused": "wrong_code" | "expired_code" | "stopped" | "suppressed", "tries_left"?}';
