-- Codes and the numbers that they were texted to are forgotten with the person.

create function private.erase_phone_codes(p private.person_to_erase) returns bigint
    language sql set search_path = '' as $$
    with codes as (
        delete from private.phone_codes x where x.email = p.who or x.phone = any (p.phones) returning 1
    )
    select count(*) from codes
$$;

create or replace function private.erase_own(p private.person_to_erase, p_user_id uuid) returns jsonb
    language sql set search_path = '' as $$
    with wishes as (
        delete from public.notification_preferences x where x.email = p.who returning 1
    ), consents as (
        update public.sms_consents x set email = p.pseudonym, phone = 'erased' where x.email = p.who returning 1
    ), feeds as (
        delete from private.feed_tokens x
        where x.user_id = p_user_id or x.filters <> '{}' and strpos(lower(x.filters::text), p.who) > 0 returning 1
    ), views as (
        delete from public.saved_views x where strpos(lower(x.view::text), p.who) > 0 returning 1
    ), notes as (
        delete from public.booking_notes x
        where x.booking_id = any (p.booked_ids) or x.author_id = p_user_id
           or x.booking_id = any (p.booking_ids) and exists (
               select 1 from unnest(p.names) w (name) where strpos(lower(x.body), lower(w.name)) > 0) returning 1
    ), suppressed as (
        delete from public.suppressions x
        where x.channel = 'email' and x.address = p.who or x.channel = 'sms' and x.address = any (p.phones) returning 1
    ), actions as (
        update private.actions x
        set actor = case when x.actor_kind <> 'client' and x.actor <> all (p.names) then x.actor end, reason = null
        where x.user_id = p_user_id or x.booking_id = any (p.booked_ids) or x.attendee_id = any (p.attendee_ids) returning 1
    )
    select jsonb_build_object(
        'preferences', (select count(*) from wishes), 'consents', (select count(*) from consents),
        'feeds', (select count(*) from feeds), 'saved_views', (select count(*) from views),
        'notes', (select count(*) from notes), 'suppressions', (select count(*) from suppressed),
        'actions', (select count(*) from actions), 'phone_codes', private.erase_phone_codes(p))
$$;

revoke execute on all functions in schema private from public, anon;
