-- A number is proven by a code that was texted to it. The code itself is known to our functions and to that telephone; here
-- is a keyed hash. All is called with the secret key: whoever could choose the hash could prove any number.

create table private.phone_codes (
    id uuid primary key,
    email text not null,
    phone text not null,
    code_hash text not null,
    tries integer not null default 0,
    texted boolean not null default true,
    made_at timestamptz not null default now(),
    ended_at timestamptz,
    constraint phone_codes_phone check (phone ~ '^\+[1-9][0-9]{6,14}$'),
    constraint phone_codes_hash check (code_hash ~ '^[0-9a-f]{64}$')
);
create index phone_codes_email on private.phone_codes (email, made_at);
create index phone_codes_phone on private.phone_codes (phone, made_at);
create index phone_codes_made on private.phone_codes (made_at);

-- From here on this transaction is that user's. → their confirmed address
create function private.act_as(p_user_id uuid) returns text
    language plpgsql set search_path = '' as $$
begin
    perform set_config('request.jwt.claim.sub', p_user_id::text, true);
    if private.my_email() is null then
        raise exception 'the address of this account is not confirmed' using errcode = 'PT403';
    end if;
    return private.my_email();
end $$;

-- Seconds until one more text may leave, to a person (3 a day, and 10 tries an hour, also with numbers that are none), to
-- a number (3 a day), and in all (1,000 a day: who makes accounts to have texts sent that we pay for finds an end there).
-- Null: now.
create function private.wait_for_code(p_email text, p_phone text) returns integer
    language sql stable set search_path = '' as $$
    select max(ceil(extract(epoch from w.until - now())))::integer
    from (
        select (array_agg(c.made_at order by c.made_at desc))[3] + interval '1 day' as until
        from private.phone_codes c where c.email = p_email and c.texted and c.made_at > now() - interval '1 day'
        union all
        select (array_agg(c.made_at order by c.made_at desc))[3] + interval '1 day'
        from private.phone_codes c where c.phone = p_phone and c.texted and c.made_at > now() - interval '1 day'
        union all
        select (array_agg(c.made_at order by c.made_at desc))[10] + interval '1 hour'
        from private.phone_codes c where c.email = p_email and c.made_at > now() - interval '1 hour'
        union all
        select (array_agg(c.made_at order by c.made_at desc))[1000] + interval '1 day'
        from private.phone_codes c where c.texted and c.made_at > now() - interval '1 day') w
$$;

create function private.begin_phone_verification(p_user_id uuid, p_id uuid, p_phone text, p_code_hash text) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_email constant text := private.act_as(p_user_id);
    v_wait integer;
begin
    -- Counted one after another, first per person, then per number.
    perform pg_advisory_xact_lock(hashtextextended('phone_code:' || v_email, 0));
    perform pg_advisory_xact_lock(hashtextextended('phone_code:' || p_phone, 0));
    delete from private.phone_codes c where c.made_at < now() - interval '1 day';
    if private.is_stopped(p_phone) then
        return private.refuse('stopped');
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

-- The text has certainly not left: the code is worth nothing, and does not count as one.
create function private.drop_phone_code(p_id uuid) returns jsonb
    language sql security definer set search_path = '' as $$
    with dropped as (
        update private.phone_codes c set texted = false, ended_at = coalesce(c.ended_at, now()) where c.id = p_id returning 1)
    select jsonb_build_object('dropped', (select count(*) from dropped))
$$;

-- p_code_hashes: of what was typed, under each secret that is believed. A wrong one is counted, so this never raises.
create function private.finish_phone_verification(p_user_id uuid, p_code_hashes text[], p_consent_text text) returns jsonb
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
    if private.is_stopped(v_code.phone) then
        return private.refuse('stopped');
    end if;
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

create function private.remove_phone() returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_email constant text := private.my_email();
begin
    if v_email is null then
        raise exception 'the address of this account is not confirmed' using errcode = 'PT403';
    end if;
    update private.phone_codes c set ended_at = now() where c.email = v_email and c.ended_at is null;
    update public.notification_preferences p set phone = null, phone_verified_at = null, sms_reminders = false
    where p.email = v_email;
    perform private.withdraw_consents(v_email);
    return private.wishes_shown(v_email);
end $$;

create function public.begin_phone_verification(p_user_id uuid, p_id uuid, p_phone text, p_code_hash text) returns jsonb
    language sql security invoker set search_path = ''
    as $$ select private.begin_phone_verification(p_user_id, p_id, p_phone, p_code_hash) $$;
create function public.drop_phone_code(p_id uuid) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.drop_phone_code(p_id) $$;
create function public.finish_phone_verification(p_user_id uuid, p_code_hashes text[], p_consent_text text) returns jsonb
    language sql security invoker set search_path = ''
    as $$ select private.finish_phone_verification(p_user_id, p_code_hashes, p_consent_text) $$;
create function public.remove_phone() returns jsonb
    language sql security invoker set search_path = '' as $$ select private.remove_phone() $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.begin_phone_verification(uuid, uuid, text, text), public.drop_phone_code(uuid),
    public.finish_phone_verification(uuid, text[], text) from public, anon, authenticated;
revoke execute on function public.remove_phone() from public, anon, service_role;
grant execute on function private.begin_phone_verification(uuid, uuid, text, text), private.drop_phone_code(uuid),
    private.finish_phone_verification(uuid, text[], text) to service_role;
grant execute on function public.begin_phone_verification(uuid, uuid, text, text), public.drop_phone_code(uuid),
    public.finish_phone_verification(uuid, text[], text) to service_role;
grant execute on function private.remove_phone(), public.remove_phone() to authenticated;
comment on table private.phone_codes is 'Codes texted to numbers within a day: who asked, for which number, and how often it was tried.';
comment on column private.phone_codes.code_hash is 'HMAC-SHA256 of user and code under LINK_SECRET, hex.';
comment on column private.phone_codes.texted is 'False: it certainly did not leave.';
comment on column private.phone_codes.ended_at is 'Used, replaced by a newer one, or given up: it proves nothing any more.';
comment on function public.begin_phone_verification(uuid, uuid, text, text) is
    'Before a code is texted for this user: → {"id", "locale"} or {"refused": "stopped" | "rate_limited", "retry_after"?}.';
comment on function public.drop_phone_code(uuid) is 'That code was certainly not texted. → {"dropped"}';
comment on function public.finish_phone_verification(uuid, text[], text) is
    '→ {"preferences"} or {"refused": "wrong_code" | "expired_code" | "stopped", "tries_left"?}';
comment on function public.remove_phone() is 'Forgets the caller''s number and ends their consent. → their preferences';
