-- What a person wishes and agreed to, the same on every path: by link, with a session, through the API.

-- Leads are a set: in any order, and said twice, they mean the same.
create function private.tidy_leads() returns trigger
    language plpgsql set search_path = '' as $$
begin
    new.reminder_leads := array(select distinct l.lead from unnest(new.reminder_leads) l (lead) order by l.lead desc);
    return new;
end $$;
create trigger notification_preferences_leads before insert or update of reminder_leads
    on public.notification_preferences for each row execute function private.tidy_leads();

-- Ends a person's consent to texts, but to a number named: to all others. The history stays.
create function private.withdraw_consents(p_email text, p_but_phone text default null) returns void
    language sql security definer set search_path = '' as $$
    -- A consent may have been given after this transaction began to wait for it.
    update public.sms_consents c set withdrawn_at = greatest(now(), c.given_at)
    where c.email = p_email and c.withdrawn_at is null and c.phone is distinct from p_but_phone
$$;

-- Who turns texts off, or takes another number, takes back what they agreed to. Turning them on needs a new consent.
create function private.withdraw_with_wish() returns trigger
    language plpgsql security definer set search_path = '' as $$
begin
    if old.sms_reminders and not new.sms_reminders then
        perform private.withdraw_consents(new.email);
    elsif old.phone is distinct from new.phone then
        perform private.withdraw_consents(new.email, new.phone);
    end if;
    return null;
end $$;
create trigger notification_preferences_consent after update of sms_reminders, phone
    on public.notification_preferences for each row
    when (old.sms_reminders and not new.sms_reminders or old.phone is distinct from new.phone)
    execute function private.withdraw_with_wish();

create function private.is_stopped(p_phone text) returns boolean
    language sql stable set search_path = '' as $$
    select exists (select 1 from public.suppressions s where s.channel = 'sms' and s.address = p_phone)
$$;

create function private.has_consented(p_email text, p_phone text) returns boolean
    language sql stable set search_path = '' as $$
    select exists (select 1 from public.sms_consents c
                   where c.email = p_email and c.phone = p_phone and c.withdrawn_at is null)
$$;

-- A person's preferences, those of the table where there is no row, and whether texts may be sent to the number.
create function private.wishes_shown(p_email text) returns jsonb
    language sql stable set search_path = '' as $$
    select to_jsonb(w) || jsonb_build_object(
        'sms_consent', private.has_consented(w.email, w.phone), 'sms_stopped', private.is_stopped(w.phone))
    from private.wishes_of(p_email) w
$$;

-- The same for who holds a link: never the number, only how it ends; and where the link may only turn things off (the
-- mail that it is in may have been passed on), nothing but what it may turn off.
create function private.shown_by_link(p_email text, p_widen boolean) returns jsonb
    language sql stable set search_path = '' as $$
    select case when p_widen
        then w - 'phone' - 'phone_verified_at' || jsonb_build_object(
            'phone_ending', right(w ->> 'phone', 2), 'phone_verified', w -> 'phone_verified_at' <> 'null')
        else jsonb_build_object(
            'email', w -> 'email', 'email_reminders', w -> 'email_reminders', 'sms_reminders', w -> 'sms_reminders',
            'locale', w -> 'locale') end || jsonb_build_object('may_widen', p_widen)
    from private.wishes_shown(p_email) w
$$;

-- Somebody who has to do with us: who booked, or has said what they wish.
create function private.is_known(p_email text) returns boolean
    language sql stable set search_path = '' as $$
    select exists (select 1 from public.notification_preferences p where p.email = p_email)
        or exists (select 1 from public.booking_attendees a where a.email = p_email)
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
        perform private.set_wishes(v_email, p_changes);
        if p_changes -> 'sms_reminders' = 'false' then
            perform private.withdraw_consents(v_email);
        end if;
    end if;
    return private.shown_by_link(v_email, p_widen);
end $$;

-- Who has just proven their address agrees to texts to the number that they have proven before. What STOP stopped only
-- START, from that telephone, starts again. → {"consented": true} or {"refused": "stopped" | "not_verified"}
create function private.consent_by_link(p_email text, p_consent_text text) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_wishes public.notification_preferences;
begin
    select * into v_wishes from public.notification_preferences p where p.email = lower(btrim(p_email)) for update;
    if v_wishes.phone is null or v_wishes.phone_verified_at is null then
        return private.refuse('not_verified');
    end if;
    if private.is_stopped(v_wishes.phone) then
        return private.refuse('stopped');
    end if;
    if not private.has_consented(v_wishes.email, v_wishes.phone) then
        insert into public.sms_consents (email, phone, text_shown, source)
        values (v_wishes.email, v_wishes.phone, p_consent_text, 'link');
    end if;
    return jsonb_build_object('consented', true);
end $$;

-- As the signed-in person.
create function private.my_preferences() returns jsonb
    language plpgsql stable security definer set search_path = '' as $$
begin
    if private.my_email() is null then
        raise exception 'the address of this account is not confirmed' using errcode = 'PT403';
    end if;
    return private.wishes_shown(private.my_email());
end $$;

create function public.my_preferences() returns jsonb
    language sql stable security invoker set search_path = '' as $$ select private.my_preferences() $$;
create function public.consent_by_link(p_email text, p_consent_text text) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.consent_by_link(p_email, p_consent_text) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.my_preferences() from public, anon, service_role;
revoke execute on function public.consent_by_link(text, text) from public, anon, authenticated;
grant execute on function private.my_preferences(), public.my_preferences() to authenticated;
grant execute on function private.consent_by_link(text, text), public.consent_by_link(text, text) to service_role;
comment on function public.my_preferences() is
    'The caller''s preferences (defaults where there are none), with "sms_consent" and "sms_stopped".';
comment on function public.consent_by_link(text, text) is
    'Consent to texts of who has just proven their address: → {"consented"} or {"refused": "stopped" | "not_verified"}.';
comment on function public.preferences_by_link(text, jsonb, boolean) is
    'The preferences of the address that a link was signed for, after p_changes, without the number. p_widen: the address '
    'was just proven; without it only what may be turned off.';
