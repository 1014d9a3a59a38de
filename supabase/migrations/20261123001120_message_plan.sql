-- The plan of messages, seen and changed: a preview by the real planner, and what staff may do to a single message.

-- Writes what a person wishes, as far as they may write it themselves. Unknown keys are refused.
create function private.set_wishes(p_email text, p_wishes jsonb) returns public.notification_preferences
    language plpgsql set search_path = '' as $$
declare
    v_new public.notification_preferences;
begin
    if exists (select 1 from jsonb_object_keys(p_wishes) k (key) where k.key <> all (
            '{email_reminders,reminder_leads,sms_reminders,sms_lead,quiet_start,quiet_end,quiet_email,time_zone,locale}')) then
        raise exception 'unknown preference' using errcode = '22023';
    end if;
    insert into public.notification_preferences (email) values (p_email) on conflict do nothing;
    select * into v_new from public.notification_preferences p where p.email = p_email for update;
    v_new := jsonb_populate_record(v_new, p_wishes);
    update public.notification_preferences p
    set email_reminders = v_new.email_reminders, reminder_leads = v_new.reminder_leads,
        sms_reminders = v_new.sms_reminders, sms_lead = v_new.sms_lead,
        quiet_start = v_new.quiet_start, quiet_end = v_new.quiet_end, quiet_email = v_new.quiet_email,
        time_zone = v_new.time_zone, locale = v_new.locale
    where p.email = p_email;
    return v_new;
end $$;

-- Messages of a booking that have not left, as the caller may see them.
create function private.messages_to_come(p_booking_id uuid) returns jsonb
    language sql stable set search_path = '' as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'attendee_id', n.attendee_id, 'recipient', n.recipient, 'channel', n.channel, 'kind', n.kind,
        'lead_minutes', n.lead_minutes, 'starts_at', n.starts_at, 'due_at', n.due_at, 'time_zone', n.time_zone,
        'locale', n.locale, 'status', n.status, 'reason', n.reason) order by n.due_at, n.recipient, n.kind), '[]')
    from public.notifications n
    where n.booking_id = p_booking_id and n.status in ('planned', 'skipped')
      and (private.holds(p_booking_id) or n.attendee_id in (select private.my_attendee_ids()))
$$;

-- The real planner in a subtransaction that is rolled back.
create function private.preview_plan(p_booking_id uuid, p_preferences jsonb) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_part constant text := private.my_part_in(p_booking_id);
    v_email constant text := case v_part when 'staff' then lower(p_preferences ->> 'email') else private.my_email() end;
    v_plan jsonb;
begin
    if v_part is null or not exists (select 1 from public.bookings b where b.id = p_booking_id) then
        raise exception 'no such booking' using errcode = 'PT404';
    end if;
    begin
        if v_email is not null and p_preferences - 'email' <> '{}' then
            if not exists (select 1 from public.booking_attendees a
                           where a.booking_id = p_booking_id and a.email = v_email) then
                raise exception 'no such attendee' using errcode = 'PT404';
            end if;
            perform private.set_wishes(v_email, p_preferences - 'email');
        end if;
        perform 1 from public.bookings b where b.id = p_booking_id for share;
        perform private.plan(p_booking_id, 'all');
        v_plan := private.messages_to_come(p_booking_id);
        raise exception 'only a preview' using errcode = 'PRVEW';
    exception when sqlstate 'PRVEW' then
        return v_plan;
    end;
end $$;

-- A message that the caller may act on, locked as the claim locks it.
create function private.held_message(p_id uuid) returns public.notifications
    language plpgsql set search_path = '' as $$
declare
    n public.notifications;
begin
    select * into n from public.notifications x where x.id = p_id;
    perform 1 from public.bookings b where b.id = n.booking_id for share;
    perform pg_advisory_xact_lock(hashtextextended('person:' || coalesce(a.email, a.phone), 0))
    from public.booking_attendees a where a.id = n.attendee_id;
    perform 1 from private.outbox o where o.notification_id = p_id for update;
    select * into n from public.notifications x where x.id = p_id for update;
    if n.id is null or not private.holds(n.booking_id) then
        if n.id is not null and (private.my_part_in(n.booking_id) is not null
                                 or n.attendee_id in (select private.my_attendee_ids())) then
            raise exception 'only staff may do this' using errcode = 'PT403';
        end if;
        raise exception 'no such message' using errcode = 'PT404';
    end if;
    return n;
end $$;

create function private.skip_notification(p_id uuid) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    n public.notifications := private.held_message(p_id);
begin
    if n.status <> 'planned' then
        raise exception 'the message is not planned any more' using errcode = 'PT409';
    end if;
    perform private.skip(n.id, 'not_wanted_by_team');
    return jsonb_build_object('id', n.id, 'status', 'skipped', 'reason', 'not_wanted_by_team');
end $$;

-- A planned message leaves at once; one that failed, or was skipped for a reason that staff may overrule, leaves after all.
create function private.send_notification_now(p_id uuid) returns jsonb
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
    v_silence := private.silence(b, a, n.channel, n.kind, false);
    if v_silence is not null then
        raise exception 'the message cannot be sent now' using errcode = 'PT409', detail = v_silence;
    end if;
    update public.notifications x
    set status = 'planned', reason = null, due_at = least(x.due_at, now())
    where x.id = n.id;
    update private.outbox o
    set open = true, try_at = now(), tries = 0, in_doubt = false, first_tried_at = null
    where o.notification_id = n.id;
    return jsonb_build_object('id', n.id, 'status', 'planned', 'due_at', least(n.due_at, now()));
end $$;

-- The confirmation once more, to everybody who is in the booking, unless one is about to leave anyway.
create function private.resend_confirmation(p_booking_id uuid) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    b public.bookings;
    a public.booking_attendees;
    v_last public.notifications;
    v_id uuid;
    v_ids uuid[] := '{}';
begin
    if not private.holds(p_booking_id) then
        raise exception 'only staff may do this'
            using errcode = case when private.my_part_in(p_booking_id) is null then 'PT404' else 'PT403' end;
    end if;
    select * into b from public.bookings x where x.id = p_booking_id for share;
    if b.id is null then
        raise exception 'no such booking' using errcode = 'PT404';
    end if;
    if b.status <> 'confirmed' or b.ends_at <= now() then
        raise exception 'there is nothing to confirm' using errcode = 'PT409';
    end if;
    perform private.lock_people(array[b.id]);
    for a in
        select * from public.booking_attendees x where x.booking_id = b.id and x.removed_at is null order by x.id
    loop
        -- Recipient, zone and language as in the newest word to them; the planner has made one for everybody.
        select n.* into v_last
        from public.notifications n join private.outbox o on o.notification_id = n.id
        where n.attendee_id = a.id and n.ical_uid = b.ical_uid and n.kind <> 'reminder'
        order by o.seq desc limit 1;
        continue when v_last.id is null or v_last.status in ('planned', 'sending')
            or private.silence(b, a, v_last.channel, 'confirmation', false) is not null;
        insert into public.notifications (booking_id, attendee_id, channel, kind, recipient, ical_uid, starts_at,
            revision, time_zone, locale)
        values (b.id, a.id, v_last.channel, 'confirmation', v_last.recipient, b.ical_uid, b.starts_at,
            greatest(b.revision, v_last.revision), v_last.time_zone, v_last.locale)
        returning id into v_id;
        insert into private.outbox (notification_id, channel, priority, try_at, target, again)
        values (v_id, v_last.channel, private.priority('confirmation'), now(), private.truth_for(b, a,
            (select d.host_email from private.booking_details d where d.booking_id = b.id)), true);
        v_ids := v_ids || v_id;
    end loop;
    return jsonb_build_object('booking_id', b.id, 'planned', to_jsonb(v_ids));
end $$;

create function public.preview_plan(p_booking_id uuid, p_preferences jsonb default '{}') returns jsonb
    language sql security invoker set search_path = ''
    as $$ select private.preview_plan(private.current_booking_id(p_booking_id), coalesce(p_preferences, '{}')) $$;
create function public.skip_notification(p_id uuid) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.skip_notification(p_id) $$;
create function public.send_notification_now(p_id uuid) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.send_notification_now(p_id) $$;
create function public.resend_confirmation(p_booking_id uuid) returns jsonb
    language sql security invoker set search_path = ''
    as $$ select private.resend_confirmation(private.current_booking_id(p_booking_id)) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.preview_plan(uuid, jsonb), public.skip_notification(uuid),
    public.send_notification_now(uuid), public.resend_confirmation(uuid) from public, anon, service_role;
grant execute on function private.preview_plan(uuid, jsonb), private.skip_notification(uuid),
    private.send_notification_now(uuid), private.resend_confirmation(uuid) to authenticated;
grant execute on function public.preview_plan(uuid, jsonb), public.skip_notification(uuid),
    public.send_notification_now(uuid), public.resend_confirmation(uuid) to authenticated;
comment on function public.preview_plan(uuid, jsonb) is
    'What would be sent, were these the preferences of the caller (staff: of the attendee named by "email"). → json array';
comment on function public.resend_confirmation(uuid) is 'Staff: → {"booking_id", "planned": [notification id]}';
