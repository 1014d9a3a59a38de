-- One planner decides what is owed to whom. A change message is the difference between what a person was last told about
-- a booking and what is true now, so the order in which things became known does not matter.

create function private.settings_for(p_event_type_id bigint) returns public.event_type_settings
    language sql stable set search_path = '' as $$
    select s.* from public.event_type_settings s
    where s.event_type_id = p_event_type_id or s.event_type_id is null
    order by s.event_type_id nulls last limit 1
$$;

-- What is true of a booking for one person: state, time, place, host.
create function private.truth_for(b public.bookings, a public.booking_attendees, p_host text) returns jsonb
    language sql stable set search_path = '' set timezone = 'UTC' as $$
    select jsonb_build_object(
        'state', case when a.removed_at is not null then 'cancelled'
                      when b.reschedule_requested then 'pick_new_time' else b.status end,
        'starts_at', b.starts_at, 'ends_at', b.ends_at, 'place', private.place(b), 'host', p_host)
$$;

-- Which change message follows from what was told (null: nothing yet) and what is true. Null: nothing to say.
-- `p_filed`: the last message with a calendar file. Whoever holds a time that is no more is told so, whatever they were
-- told since (two bookings that turned out to be one may have spoken of one entry).
create function private.change_kind(p_told jsonb, p_filed jsonb, p_truth jsonb, p_moved boolean) returns text
    language sql immutable set search_path = '' as $$
    select case p_truth ->> 'state'
        when 'confirmed' then case
            when p_told is null then case when p_moved then 'rescheduled' else 'confirmation' end
            when p_told ->> 'state' = 'pick_new_time' then 'rescheduled'
            when p_told ->> 'state' <> 'confirmed' then 'confirmation'
            when p_told -> 'starts_at' <> p_truth -> 'starts_at' then 'rescheduled'
            when (p_told -> 'place', p_told -> 'host') is distinct from (p_truth -> 'place', p_truth -> 'host') then 'updated'
            end
        when 'pending' then case
            when p_told ->> 'state' is distinct from 'pending' or p_told -> 'starts_at' <> p_truth -> 'starts_at'
                or p_filed ->> 'method' = 'REQUEST'
            then 'requested' end
        when 'awaiting_payment' then null  -- Cal.com asks for the money
        else case when p_told ->> 'state' is distinct from p_truth ->> 'state' or p_filed ->> 'method' = 'REQUEST'
             then p_truth ->> 'state' end
    end
$$;

-- What a person was last told about a calendar entry: {"seq", "kind", "target", "method", "revision"}, or null.
-- `p_before`: as it was before that place in the order (null: now).
create function private.last_told(
    p_attendee_id uuid, p_channel text, p_ical_uid text, p_with_file boolean, p_before bigint) returns jsonb
    language plpgsql stable set search_path = '' as $$
begin
    return (
        select jsonb_build_object('seq', o.seq, 'kind', n.kind, 'target', o.target, 'method', o.method, 'revision', n.revision)
        from public.notifications n join private.outbox o on o.notification_id = n.id
        where n.attendee_id = p_attendee_id and n.channel = p_channel and n.ical_uid = p_ical_uid and n.kind <> 'reminder'
          and n.status in ('sending', 'unknown', 'sent', 'delivered', 'bounced', 'complained')
          and (not p_with_file or o.method is not null)
          and (p_before is null or o.seq < p_before)
        order by o.seq desc limit 1);
end $$;

create function private.priority(p_kind text) returns smallint
    language sql immutable set search_path = '' as $$
    select case when p_kind in ('cancelled', 'rejected', 'pick_new_time', 'rescheduled') then 1
                when p_kind = 'reminder' then 3 else 2 end::smallint
$$;

-- Why a message is not sent though it is due; null: it is.
create function private.silence(
    b public.bookings, a public.booking_attendees, p_channel text, p_kind text, p_old_news boolean) returns text
    language sql stable set search_path = '' as $$
    select case
        when exists (select 1 from private.booking_hosts h where h.booking_id = b.id and h.email = a.email)
            or private.is_staff_address(a.email) then 'staff'
        when p_kind <> all (coalesce((private.settings_for(b.event_type_id)).send_kinds, array[p_kind])) then 'not_wanted_by_team'
        when p_old_news then 'imported'
        when exists (select 1 from public.suppressions s
                     where s.channel = p_channel and s.address = coalesce(a.email, a.phone)) then 'suppressed'
    end
$$;

-- A seat that came from another booking was moved; an unseated booking is moved when its head has a predecessor.
create function private.was_moved(d private.booking_details, a public.booking_attendees) returns boolean
    language sql stable set search_path = '' as $$
    select d.moved and not d.seated or d.seated and exists (
        select 1 from private.reports r
        join private.booking_nodes n on n.booking_id = d.booking_id and n.is_head
        cross join jsonb_array_elements(r.people) p (person)
        where r.booking_id = d.booking_id and r."trigger" = 'RESCHEDULED' and r.seated
          and coalesce(r.uid, n.uid) = n.uid
          and coalesce(r.rescheduled_from_uid, '#' || r.rescheduled_from_id) <> n.uid
          and coalesce(p.person ->> 'email', p.person ->> 'phone') = coalesce(a.email, a.phone))
$$;

-- The SEQUENCE of a message: the booking's, but above what took the entry out or put it in before, since of equal ones
-- a calendar believes the one that it has (RFC 5546 2.1.4). `p_filed`: the last message with a calendar file.
create function private.next_revision(b public.bookings, p_kind text, p_filed jsonb) returns integer
    language sql immutable set search_path = '' as $$
    select greatest(b.revision, case
        when p_filed ->> 'method' <> case when p_kind in ('confirmation', 'rescheduled', 'updated') then 'REQUEST' else 'CANCEL' end
        then (p_filed ->> 'revision')::integer + 1 end)
$$;

-- Makes `p_kind` the one unsent word for this person about this calendar entry (null: none is owed).
create function private.owe(
    b public.bookings, a public.booking_attendees, p_ical_uid text, p_kind text, p_truth jsonb, p_told_seq bigint,
    p_old_news boolean) returns void
    language plpgsql set search_path = '' as $$
declare
    v_channel constant text := case when a.email is null then 'sms' else 'email' end;
    v_pending public.notifications;
    v_target jsonb;
    v_silence text;
    v_wishes public.notification_preferences;
    v_zone text;
    v_locale text;
    v_revision integer;
    v_id uuid;
begin
    select * into v_wishes from public.notification_preferences p where p.email = a.email;
    v_zone := coalesce(v_wishes.time_zone, a.time_zone, b.host_time_zone, 'UTC');
    v_locale := coalesce(v_wishes.locale, a.locale,
        (select d.host_locale from private.booking_details d where d.booking_id = b.id), 'en');
    v_revision := private.next_revision(b, p_kind, private.last_told(a.id, v_channel, p_ical_uid, true, null));
    select n.* into v_pending
    from public.notifications n join private.outbox o on o.notification_id = n.id
    where n.attendee_id = a.id and n.channel = v_channel and n.ical_uid = p_ical_uid and n.kind <> 'reminder'
      and n.status in ('planned', 'skipped', 'failed') and o.seq > coalesce(p_told_seq, 0) and not o.again
    order by o.seq desc limit 1;
    select o.target into v_target from private.outbox o where o.notification_id = v_pending.id;
    if v_pending.kind = p_kind and v_target = p_truth and v_pending.reason is distinct from 'superseded' then
        update public.notifications n set time_zone = v_zone, locale = v_locale, revision = v_revision
        where n.id = v_pending.id and n.status = 'planned'
          and (n.time_zone, n.locale, n.revision) is distinct from (v_zone, v_locale, v_revision);
        return;
    end if;
    with superseded as (
        update private.outbox o set open = false
        from public.notifications n
        where n.id = o.notification_id and n.status = 'planned' and n.kind <> 'reminder'
          and n.attendee_id = a.id and n.channel = v_channel and n.ical_uid = p_ical_uid
          and not (o.again and o.target = p_truth)
        returning n.id)
    update public.notifications n set status = 'skipped', reason = 'superseded'
    from superseded where n.id = superseded.id;
    if p_kind is null then
        return;
    end if;
    v_silence := private.silence(b, a, v_channel, p_kind, p_old_news);
    insert into public.notifications (booking_id, attendee_id, channel, kind, recipient, ical_uid, starts_at, revision,
        time_zone, locale, status, reason)
    values (b.id, a.id, v_channel, p_kind, coalesce(a.email, a.phone), p_ical_uid,
        (p_truth ->> 'starts_at')::timestamptz, v_revision, v_zone, v_locale,
        case when v_silence is null then 'planned' else 'skipped' end, v_silence)
    returning id into v_id;
    insert into private.outbox (notification_id, channel, priority, try_at, open, target)
    values (v_id, v_channel, private.priority(p_kind), now(), v_silence is null, p_truth);
end $$;

-- Everybody in these bookings, in one order for all who plan and claim. Taken after the bookings' own locks.
create function private.lock_people(p_booking_ids uuid[]) returns void
    language sql set search_path = '' as $$
    select pg_advisory_xact_lock(hashtextextended('person:' || w.who, 0))
    from (select distinct coalesce(a.email, a.phone) as who from public.booking_attendees a
          where a.booking_id = any (p_booking_ids) order by 1) w
$$;

-- What one person is owed now. The caller holds the booking and the person.
create function private.plan_person(
    b public.bookings, d private.booking_details, a public.booking_attendees, p_old_news boolean) returns void
    language plpgsql set search_path = '' set timezone = 'UTC' as $$
declare
    v_channel constant text := case when a.email is null then 'sms' else 'email' end;
    v_told jsonb := private.last_told(a.id, v_channel, b.ical_uid, false, null);
    v_truth constant jsonb := private.truth_for(b, a, d.host_email);
    v_ical_uid text;
begin
    perform private.owe(b, a, b.ical_uid,
        case when a.removed_at is null or not d.insiders ? coalesce(a.email, a.phone)  -- a host taken for a guest
             then private.change_kind(v_told -> 'target', private.last_told(a.id, v_channel, b.ical_uid, true, null),
                 v_truth, private.was_moved(d, a)) end, v_truth,
        (v_told ->> 'seq')::bigint, p_old_news);
    -- An invitation under another UID (the booking was two, once) is taken out of the calendar.
    for v_ical_uid in
        select distinct n.ical_uid from public.notifications n
        where n.attendee_id = a.id and n.channel = v_channel and n.ical_uid <> b.ical_uid
    loop
        v_told := private.last_told(a.id, v_channel, v_ical_uid, true, null);
        perform private.owe(b, a, v_ical_uid,
            case when v_told ->> 'method' = 'REQUEST' then 'cancelled' end,
            jsonb_set(coalesce(v_told -> 'target', v_truth), '{state}', '"cancelled"'),
            (private.last_told(a.id, v_channel, v_ical_uid, false, null) ->> 'seq')::bigint, false);
    end loop;
end $$;

-- Plans one person's messages again after the fate of one was settled: what they were told may be less than was thought.
create function private.plan_again(n public.notifications) returns void
    language plpgsql set search_path = '' as $$
declare
    b public.bookings;
    d private.booking_details;
    a public.booking_attendees;
begin
    select * into b from public.bookings x where x.id = n.booking_id;
    select * into d from private.booking_details x where x.booking_id = n.booking_id;
    select * into a from public.booking_attendees x where x.id = n.attendee_id;
    perform private.plan_person(b, d, a, false);
end $$;

-- Plans the messages of one booking. Idempotent. p_notify: all | reminders | none (import: old news is not mailed,
-- unless the meeting is to come and Cal.com changed it less than 2 hours ago).
create function private.plan(p_booking_id uuid, p_notify text) returns void
    language plpgsql set search_path = '' as $$
declare
    b public.bookings;
    d private.booking_details;
    v_old_news boolean;
begin
    select * into strict b from public.bookings x where x.id = p_booking_id;
    select * into strict d from private.booking_details x where x.booking_id = p_booking_id;
    v_old_news := p_notify = 'none' or p_notify = 'reminders' and not (b.starts_at > now() and coalesce(
        (select max(coalesce(r.updated_at, r.at)) from private.reports r where r.booking_id = b.id and r.phase >= 0)
            > now() - interval '2 hours', false));
    perform private.lock_people(array[b.id]);
    perform private.plan_person(b, d, a, v_old_news)
    from public.booking_attendees a where a.booking_id = b.id;
end $$;

-- Plans again what is to come for people whose wishes changed.
create function private.plan_for(p_emails text[], p_phones text[]) returns void
    language plpgsql set search_path = '' as $$
declare
    v_booking_ids uuid[] := array(
        select distinct a.booking_id
        from public.booking_attendees a join public.bookings b on b.id = a.booking_id
        where (a.email = any (p_emails) or a.phone = any (p_phones)) and b.ends_at > now());
begin
    -- All bookings before any person, as record_event does.
    perform 1 from public.bookings b where b.id = any (v_booking_ids) order by b.id for share;
    perform private.lock_people(v_booking_ids);
    perform private.plan(b.id, 'all') from unnest(v_booking_ids) b (id);
end $$;

create function private.plan_after_wishes() returns trigger
    language plpgsql security definer set search_path = '' as $$
begin
    perform private.plan_for(array(select distinct c.email from changed c), '{}');
    return null;
end $$;
create function private.plan_after_suppressions() returns trigger
    language plpgsql security definer set search_path = '' as $$
begin
    perform private.plan_for(array(select c.address from changed c where c.channel = 'email'),
                             array(select c.address from changed c where c.channel = 'sms'));
    return null;
end $$;
create trigger notification_preferences_made after insert on public.notification_preferences
    referencing new table as changed for each statement execute function private.plan_after_wishes();
create trigger notification_preferences_changed after update on public.notification_preferences
    referencing new table as changed for each statement execute function private.plan_after_wishes();
create trigger notification_preferences_removed after delete on public.notification_preferences
    referencing old table as changed for each statement execute function private.plan_after_wishes();
create trigger sms_consents_made after insert on public.sms_consents
    referencing new table as changed for each statement execute function private.plan_after_wishes();
create trigger sms_consents_removed after delete on public.sms_consents
    referencing old table as changed for each statement execute function private.plan_after_wishes();
create trigger sms_consents_changed after update on public.sms_consents
    referencing new table as changed for each statement execute function private.plan_after_wishes();
create trigger suppressions_made after insert on public.suppressions
    referencing new table as changed for each statement execute function private.plan_after_suppressions();
create trigger suppressions_changed after update on public.suppressions
    referencing new table as changed for each statement execute function private.plan_after_suppressions();
create trigger suppressions_lifted after delete on public.suppressions
    referencing old table as changed for each statement execute function private.plan_after_suppressions();
create index booking_attendees_phone on public.booking_attendees (phone) where phone is not null;

revoke execute on all functions in schema private from public, anon;
comment on function private.plan(uuid, text) is 'The one planner: what each person is owed now. Idempotent.';
