-- Reminders: for each person every lead of every channel, at a time when they may be disturbed, or the reason for silence.

alter table private.outbox
    add column wanted_since timestamptz,
    add column stopped boolean not null default false;
comment on column private.outbox.wanted_since is 'Reminders: since when one is wanted for this time. A lead that was past then is skipped.';
comment on column private.outbox.stopped is 'Staff skipped this reminder: planning again leaves it alone.';

create type private.reminder as (
    id uuid,  -- null: no row yet
    channel text, recipient text, lead_minutes integer, due_at timestamptz, status text, reason text,
    wanted_since timestamptz);

create function private.wishes_of(p_email text) returns public.notification_preferences
    language plpgsql stable set search_path = '' as $$
declare
    w public.notification_preferences;
begin
    select * into w from public.notification_preferences p where p.email = p_email;
    if not found then
        w := jsonb_populate_record(w, '{"email_reminders": true, "reminder_leads": [1440, 60], "sms_reminders": false,
            "sms_lead": 60, "quiet_start": "21:00", "quiet_end": "08:00", "quiet_email": false}');
        w.email := p_email;
    end if;
    return w;
end $$;

-- Where a person's texts go: the number that they verified with us; who has no address is known by their number alone.
create function private.text_number(a public.booking_attendees, w public.notification_preferences) returns text
    language plpgsql immutable set search_path = '' as $$
begin
    return case when a.email is null then a.phone else w.phone end;
end $$;

-- Why the team does not write to this person about a booking; null: it does.
create function private.silence_by_team(b public.bookings, a public.booking_attendees, p_kind text) returns text
    language plpgsql stable set search_path = '' as $$
begin
    return case
        when exists (select 1 from private.booking_hosts h where h.booking_id = b.id and h.email = a.email)
            or private.is_staff_address(a.email) then 'staff'
        when p_kind <> all (coalesce((private.settings_for(b.event_type_id)).send_kinds, array[p_kind])) then 'not_wanted_by_team'
    end;
end $$;

create or replace function private.silence(
    b public.bookings, a public.booking_attendees, p_channel text, p_kind text, p_old_news boolean) returns text
    language plpgsql stable set search_path = '' as $$
begin
    return coalesce(private.silence_by_team(b, a, p_kind), case
        when p_old_news then 'imported'
        when exists (select 1 from public.suppressions s
                     where s.channel = p_channel and s.address = coalesce(a.email, a.phone)) then 'suppressed'
    end);
end $$;

-- Why this person is not reminded on a channel; null: they are.
create function private.silence_of_channel(
    a public.booking_attendees, w public.notification_preferences, p_channel text) returns text
    language plpgsql stable set search_path = '' as $$
begin
    return case
        when p_channel = 'email' and not w.email_reminders then 'opted_out'
        when p_channel = 'sms' and a.email is not null and not w.sms_reminders then 'opted_out'
        when p_channel = 'sms' and (a.email is not null and w.phone_verified_at is null or not exists (
            select 1 from public.sms_consents c
            where c.phone = private.text_number(a, w) and c.withdrawn_at is null
              and (a.email is null or c.email = a.email))) then 'no_consent'
        when exists (
            select 1 from public.suppressions s
            where s.channel = p_channel
              and s.address = case p_channel when 'email' then a.email else private.text_number(a, w) end) then 'suppressed'
    end;
end $$;

-- Those of the reminders that must not leave, whatever the time is, and why. The same rules as above, for hundreds at
-- once: it is asked for each reminder that is about to leave.
create function private.silent_reminders(p_ids uuid[]) returns table (id uuid, silence text)
    language plpgsql stable set search_path = '' as $$
declare
    v_now constant timestamptz := private.clock();
    v_staff constant text[] := array(
        select u.email from public.staff s join auth.users u on u.id = s.user_id where u.email_confirmed_at is not null);
begin
    return query
    select x.id, x.silence
    from (
        select n.id, case
            when b.status <> 'confirmed' or a.removed_at is not null
                or (n.starts_at, n.ical_uid) is distinct from (b.starts_at, b.ical_uid) then 'superseded'
            when b.starts_at <= v_now then 'started'
            when h.email is not null or a.email = any (v_staff) then 'staff'
            when 'reminder' <> all (s.send_kinds) then 'not_wanted_by_team'
            when n.channel = 'email' and (not w.email_reminders or n.lead_minutes <> all (w.reminder_leads)
                                          or n.recipient is distinct from a.email)
                or n.channel = 'sms' and (a.email is not null and not w.sms_reminders or n.lead_minutes <> w.sms_lead
                                          or n.recipient is distinct from private.text_number(a, w)) then 'opted_out'
            when n.channel = 'sms' and (a.email is not null and w.phone_verified_at is null or not exists (
                select 1 from public.sms_consents c
                where c.phone = n.recipient and c.withdrawn_at is null and (a.email is null or c.email = a.email)))
                then 'no_consent'
            when exists (select 1 from public.suppressions p where p.channel = n.channel and p.address = n.recipient)
                then 'suppressed'
            end as silence
        from unnest(p_ids) i (id)
        join public.notifications n on n.id = i.id
        join public.bookings b on b.id = n.booking_id
        join public.booking_attendees a on a.id = n.attendee_id
        cross join lateral private.wishes_of(a.email) w
        left join private.booking_hosts h on h.booking_id = b.id and h.email = a.email
        left join lateral (
            select e.send_kinds from public.event_type_settings e
            where e.event_type_id = b.event_type_id or e.event_type_id is null
            order by e.event_type_id nulls last limit 1) s on true) x
    where x.silence is not null;
end $$;

-- One person's reminders of a booking as they should be now: those that are to be made or changed.
-- `p_imported`: nobody is to be written to about what is recorded now.
create function private.reminder_plan(
    b public.bookings, a public.booking_attendees, w public.notification_preferences, p_zone text, p_locale text,
    p_imported boolean) returns setof private.reminder
    language plpgsql stable set search_path = '' as $$
declare
    v_now constant timestamptz := private.clock();
    v_number constant text := private.text_number(a, w);
    v_team constant text := private.silence_by_team(b, a, 'reminder');
    v_silence constant jsonb := jsonb_build_object(
        'email', private.silence_of_channel(a, w, 'email'), 'sms', private.silence_of_channel(a, w, 'sms'));
begin
    return query
    with wanted as (
        select 'email' as channel, a.email as recipient, l.lead from unnest(w.reminder_leads) l (lead)
        where a.email is not null
        union
        select 'sms', v_number, w.sms_lead where v_number is not null
    ), made as (
        select n.id, n.channel, n.recipient, n.lead_minutes as lead, n.status, n.reason, n.due_at, n.time_zone, n.locale,
            o.wanted_since, o.stopped
        from public.notifications n join private.outbox o on o.notification_id = n.id
        where n.booking_id = b.id and n.attendee_id = a.id and n.kind = 'reminder'
          and n.starts_at = b.starts_at and n.ical_uid = b.ical_uid
    ), seen as (
        select m.id, m.status, m.reason, m.due_at as was_due_at, t.lead is not null as wanted,
            coalesce(t.channel, m.channel) as channel, coalesce(t.recipient, m.recipient) as recipient,
            coalesce(t.lead, m.lead) as lead,
            -- For a time that the booking comes back to it is as if there had been none.
            m.id is null or m.reason = 'superseded' as is_new,
            case when m.id is null or m.reason = 'superseded' then v_now else m.wanted_since end as wanted_since,
            (m.recipient, m.time_zone, m.locale) is not distinct from (t.recipient, p_zone, p_locale) as is_addressed
        from wanted t full join made m on m.channel = t.channel and m.lead = t.lead
        where m.id is null or m.status in ('planned', 'skipped') and not m.stopped
          and (t.lead is not null or m.status = 'planned')
    ), timed as (
        -- What is due is about to leave, and what is planned never moves into the past.
        select s.*, case when k.kept then s.was_due_at else x.due_at end as due_at, coalesce(
            v_team,
            case when s.reason = 'imported' or s.is_new and p_imported then 'imported' end,
            case when s.wanted then v_silence ->> s.channel else 'opted_out' end,
            case when not k.kept then
                coalesce(case when l.at <= s.wanted_since then 'inside_window' end, x.reason) end) as silence
        from seen s
        cross join lateral (select b.starts_at - s.lead * interval '1 minute' as at) l
        cross join lateral private.reminder_time(s.channel, l.at, b.starts_at, p_zone,
            case when s.channel = 'sms' or w.quiet_email then w.quiet_start else w.quiet_end end, w.quiet_end) x
        cross join lateral (
            select coalesce(s.status = 'planned' and least(s.was_due_at, x.due_at) <= v_now, false) as kept) k
    ), told as (
        select t.*, case
            when t.silence is not null then t.silence
            when t.lead > min(t.lead) filter (where t.silence is null) over (partition by t.channel, t.due_at)
            then 'merged' end as new_reason
        from timed t
        -- What was skipped and would have been due is over; so is what another stood for that was due.
        where t.is_new or t.status = 'planned' or t.due_at > v_now and not (t.reason = 'merged' and t.was_due_at <= v_now)
    )
    select t.id, t.channel, t.recipient, t.lead, t.due_at, case when t.new_reason is null then 'planned' else 'skipped' end,
        t.new_reason, t.wanted_since
    from told t
    where t.is_new or not t.is_addressed or (t.reason, t.due_at) is distinct from (t.new_reason, t.was_due_at);
end $$;

-- Plans one person's reminders of a booking. The caller holds the booking and the person.
create function private.plan_reminders(b public.bookings, a public.booking_attendees, p_imported boolean) returns void
    language plpgsql set search_path = '' as $$
declare
    w public.notification_preferences;
    v_zone text;
    v_locale text;
    r private.reminder;
    v_id uuid;
begin
    -- Of another time, of a booking that does not take place, of somebody who does not come.
    with gone as (
        update public.notifications n set status = 'skipped', reason = 'superseded'
        where n.booking_id = b.id and n.attendee_id = a.id and n.kind = 'reminder' and n.status = 'planned'
          and (b.status <> 'confirmed' or a.removed_at is not null
               or (n.starts_at, n.ical_uid) is distinct from (b.starts_at, b.ical_uid))
        returning n.id)
    update private.outbox o set open = false, lease = null from gone where o.notification_id = gone.id;
    if b.status <> 'confirmed' or a.removed_at is not null or b.starts_at <= private.clock() then
        return;
    end if;
    w := private.wishes_of(a.email);
    v_zone := private.known_zone(coalesce(w.time_zone, a.time_zone, b.host_time_zone, 'UTC'));
    v_locale := coalesce(w.locale, a.locale,
        (select d.host_locale from private.booking_details d where d.booking_id = b.id), 'en');
    for r in select * from private.reminder_plan(b, a, w, v_zone, v_locale, p_imported) loop
        v_id := r.id;
        if v_id is null then
            insert into public.notifications (booking_id, attendee_id, channel, kind, recipient, lead_minutes, ical_uid,
                starts_at, revision, due_at, time_zone, locale, status, reason)
            values (b.id, a.id, r.channel, 'reminder', r.recipient, r.lead_minutes, b.ical_uid,
                b.starts_at, b.revision, r.due_at, v_zone, v_locale, r.status, r.reason)
            returning id into v_id;
        else
            update public.notifications n
            set recipient = r.recipient, due_at = r.due_at, time_zone = v_zone, locale = v_locale, status = r.status,
                reason = r.reason, revision = b.revision
            where n.id = v_id;
        end if;
        insert into private.outbox (notification_id, channel, priority, try_at, open, target, wanted_since)
        values (v_id, r.channel, private.priority('reminder'), r.due_at, r.status = 'planned', '{}', r.wanted_since)
        on conflict (notification_id) do update
        set try_at = excluded.try_at, open = excluded.open, wanted_since = excluded.wanted_since, tries = 0, lease = null,
            batch_key = null, again = false;
    end loop;
end $$;

-- Plans the messages of one booking. Idempotent. p_notify: all | reminders | none (import: old news is not mailed,
-- unless the meeting is to come and Cal.com changed it less than 2 hours ago).
create or replace function private.plan(p_booking_id uuid, p_notify text) returns void
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
    perform private.plan_person(b, d, a, v_old_news), private.plan_reminders(b, a, p_notify = 'none')
    from public.booking_attendees a where a.booking_id = b.id;
end $$;

-- A message that staff skip stays skipped: planning again leaves a reminder alone then.
create or replace function private.skip_notification(p_id uuid) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    n public.notifications := private.held_message(p_id);
begin
    if n.status <> 'planned' then
        raise exception 'the message is not planned any more' using errcode = 'PT409';
    end if;
    perform private.skip(n.id, 'not_wanted_by_team');
    update private.outbox o set stopped = true where o.notification_id = n.id;
    return jsonb_build_object('id', n.id, 'status', 'skipped', 'reason', 'not_wanted_by_team');
end $$;

-- A planned message leaves at once; one that failed, or was skipped for a reason that staff may overrule, leaves after all.
create or replace function private.send_notification_now(p_id uuid) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    n public.notifications := private.held_message(p_id);
    b public.bookings;
    a public.booking_attendees;
    v_silence text;
begin
    if n.status not in ('planned', 'failed') and not (n.status = 'skipped' and n.reason = any (
            '{not_wanted_by_team,imported,inside_window,quiet_hours,merged}')) then
        raise exception 'the message cannot be sent now' using errcode = 'PT409';
    end if;
    if exists (select 1 from public.notifications x
               where x.attendee_id = n.attendee_id and x.channel = n.channel and x.ical_uid = n.ical_uid
                 and x.kind <> 'reminder' and n.kind <> 'reminder' and x.status = 'planned' and x.id <> n.id) then
        raise exception 'a newer message is planned' using errcode = 'PT409';
    end if;
    select * into b from public.bookings x where x.id = n.booking_id;
    select * into a from public.booking_attendees x where x.id = n.attendee_id;
    v_silence := case n.kind
        when 'reminder' then (select s.silence from private.silent_reminders(array[n.id]) s)
        else private.silence(b, a, n.channel, n.kind, false) end;
    if v_silence is not null then
        raise exception 'the message cannot be sent now' using errcode = 'PT409', detail = v_silence;
    end if;
    update public.notifications x
    set status = 'planned', reason = null, due_at = least(x.due_at, private.clock())
    where x.id = n.id;
    update private.outbox o
    set open = true, try_at = private.clock(), tries = 0, in_doubt = false, first_tried_at = null, stopped = false,
        again = o.again or n.kind = 'reminder'
    where o.notification_id = n.id;
    return jsonb_build_object('id', n.id, 'status', 'planned', 'due_at', least(n.due_at, private.clock()));
end $$;

-- Consents are found by number too: who has no address is known by it alone.
create function private.plan_after_consents() returns trigger
    language plpgsql security definer set search_path = '' as $$
begin
    perform private.plan_for(array(select distinct c.email from changed c), array(select distinct c.phone from changed c));
    return null;
end $$;
drop trigger sms_consents_made on public.sms_consents;
drop trigger sms_consents_changed on public.sms_consents;
drop trigger sms_consents_removed on public.sms_consents;
create trigger sms_consents_made after insert on public.sms_consents
    referencing new table as changed for each statement execute function private.plan_after_consents();
create trigger sms_consents_changed after update on public.sms_consents
    referencing new table as changed for each statement execute function private.plan_after_consents();
create trigger sms_consents_removed after delete on public.sms_consents
    referencing old table as changed for each statement execute function private.plan_after_consents();

-- The reminders of bookings that exist already.
do $$
declare
    v_id uuid;
begin
    for v_id in select b.id from public.bookings b where b.status = 'confirmed' and b.starts_at > now() order by b.id loop
        perform 1 from public.bookings b where b.id = v_id for share;
        perform private.plan(v_id, 'all');
    end loop;
end $$;

revoke execute on all functions in schema private from public, anon;
comment on function private.plan(uuid, text) is 'The one planner: what each person is owed now. Idempotent.';
comment on function private.plan_reminders(public.bookings, public.booking_attendees, boolean) is
    'Every lead of every channel, or the reason why it is not sent.';
