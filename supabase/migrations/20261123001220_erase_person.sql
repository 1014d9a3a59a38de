-- Erasing a person: who they are here, in which order it is done, and what the operator is told.

create function private.person_to_erase(p_who text) returns private.person_to_erase
    language sql stable set search_path = '' as $$
    with rows as (
        select a.* from public.booking_attendees a where a.email = p_who
        union all
        select a.* from public.booking_attendees a where a.phone = p_who and a.email is null
    )
    select p_who, private.pseudonym(p_who),
        array(select x.phone from rows x where x.phone is not null
              union select n.phone from public.notification_preferences n where n.email = p_who and n.phone is not null
              union select c.phone from public.sms_consents c where c.email = p_who),
        array(select x.id from rows x),
        array(select x.booking_id from rows x
              union select r.booking_id from private.reports r
              where r.id in (select private.reports_naming(p_who)) and r.booking_id is not null
              order by 1),
        array(select x.booking_id from rows x join private.booking_details d on d.booking_id = x.booking_id
              where x.role = 'booker' and not d.seated),
        array(select x.booking_id from rows x where x.role = 'seat'),
        array(select x.name from rows x where length(x.name) > 2 union select p_who)
$$;

-- What this database cannot forget for others: where else to erase them.
create function private.remains_elsewhere(p private.person_to_erase, p_user_id uuid) returns jsonb
    language sql stable set search_path = '' as $$
    select jsonb_build_object(
        'calcom', jsonb_build_object(
            'bookings', array(select n.uid from private.booking_nodes n where n.booking_id = any (p.booking_ids) order by 1),
            'upcoming', array(select b.id from public.bookings b
                              where b.id = any (p.booking_ids) and b.ends_at > now()
                                and b.status not in ('cancelled', 'rejected') order by b.starts_at),
            'how', 'Cancel what is to come; Cal.com keeps attendees until it is asked to delete them.'),
        'resend', jsonb_build_object(
            'messages', (select count(*) from public.notifications n
                         where n.attendee_id = any (p.attendee_ids) and n.channel = 'email' and n.sent_at is not null),
            'how', 'Resend keeps sent mails as long as the plan says, and its suppression list until removed there.'),
        'twilio', jsonb_build_object(
            'messages', array(select n.provider_id from public.notifications n
                              where n.attendee_id = any (p.attendee_ids) and n.channel = 'sms' and n.provider_id is not null),
            'how', 'Delete each message by its id.'),
        'account', p_user_id)
$$;

create function private.erase_person(p_email text) returns jsonb
    language plpgsql security definer set search_path = '' set lock_timeout = '30s' as $$
declare
    v_who constant text := lower(btrim(p_email));
    p private.person_to_erase;
    v_user_id uuid;
    v_remains jsonb;
    v_erased jsonb;
begin
    if v_who !~ '^([^@\s]+@[^@\s]+|\+[1-9][0-9]{6,14})$' or v_who like '%@erased.invalid' then
        raise exception 'not an address' using errcode = '22023';
    end if;
    if exists (select 1 from private.booking_hosts h where h.email = v_who) or private.is_staff_address(v_who) then
        raise exception 'this person holds bookings or works here' using errcode = 'PT409',
            hint = 'Take them off the team and their event types first.';
    end if;
    -- What jobs wrote down takes longest to look through, and nothing has to wait for it.
    update public.job_runs j set result = '{"erased": true}', error = null
    where strpos(lower(j.result::text || coalesce(j.error, '')), v_who) > 0;
    -- From here on what comes in waits; all is found by index.
    perform pg_advisory_xact_lock(hashtextextended('erasure', 0));
    p := private.person_to_erase(v_who);
    perform 1 from public.bookings b where b.id = any (p.booking_ids) order by b.id for update;
    perform private.lock_people(p.booking_ids);
    insert into private.erased (pseudonym, erased_at) values (p.pseudonym, clock_timestamp())
    on conflict (pseudonym) do update set erased_at = excluded.erased_at;

    select u.id into v_user_id from auth.users u where u.email = v_who;
    v_remains := private.remains_elsewhere(p, v_user_id);
    v_erased := jsonb_build_object('bookings', cardinality(p.booking_ids), 'reports', private.erase_from_reports(p));
    v_erased := v_erased || jsonb_build_object('attendees', private.erase_from_bookings(p));
    v_erased := v_erased || jsonb_build_object('timeline', private.erase_from_timeline(p));
    v_erased := v_erased || jsonb_build_object('messages', private.erase_from_messages(p));
    v_erased := v_erased || jsonb_build_object('inbox', private.erase_from_inbox(p)) || private.erase_own(p, v_user_id);
    -- Whatever still becomes due for the pseudonym has a reason not to leave.
    insert into public.suppressions (channel, address, reason) values ('email', p.pseudonym, 'erased')
    on conflict do nothing;
    return jsonb_build_object('erased', v_erased, 'remains', v_remains);
end $$;

create function public.erase_person(p_email text) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.erase_person(p_email) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.erase_person(text) from public, anon, authenticated;
grant execute on function private.erase_person(text), public.erase_person(text) to service_role;
comment on function public.erase_person(text) is
    'Erases a client (an address, or the number of who has none). → {"erased": {what: count}, "remains": {where: what}}';
