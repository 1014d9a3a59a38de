-- From the derived booking to rows: what changed becomes the new row, its people and entries in the timeline.

create function private.place(b public.bookings) returns text
    language sql immutable set search_path = '' as $$ select coalesce(b.meeting_url, b.location) $$;

-- field → [old, new], of what people see. With no old row: the first values.
create function private.difference(p_old public.bookings, p_new public.bookings) returns jsonb
    language sql stable set search_path = '' set timezone = 'UTC' as $$
    select coalesce(jsonb_object_agg(n.key, jsonb_build_array(o.value, n.value)), '{}')
    from jsonb_each(to_jsonb(p_new)) n
    left join jsonb_each(to_jsonb(p_old)) o on o.key = n.key
    where n.key not in ('id', 'ical_uid', 'revision', 'created_at', 'updated_at', 'event_type_id', 'series_id', 'seats',
                        'reschedule_requested', 'host_time_zone')
      and coalesce(o.value, 'null') <> n.value
$$;

-- Which word of the story a change of the booking is.
create function private.event_kind(p_old public.bookings, p_new public.bookings, p_moved boolean) returns text
    language sql immutable set search_path = '' as $$
    select case
        when p_new.status = 'cancelled' and p_old.status is distinct from 'cancelled'
            then case when p_new.reschedule_requested then 'reschedule_requested' else 'cancelled' end
        when p_new.status = 'rejected' and p_old.status is distinct from 'rejected' then 'rejected'
        when p_new.status = 'pending' and (p_old.status is distinct from 'pending' or p_old.starts_at <> p_new.starts_at)
            then 'requested'
        when p_new.status = 'awaiting_payment' and p_old.status is distinct from 'awaiting_payment' then 'awaiting_payment'
        when p_old.id is null then case when p_moved then 'moved' else 'created' end
        when p_old.starts_at <> p_new.starts_at then 'moved'
        when p_new.status = 'confirmed' and p_old.status = 'awaiting_payment' then 'paid'
        when p_new.status = 'confirmed' and p_old.status <> 'confirmed' then 'confirmed'
        when private.place(p_old) is distinct from private.place(p_new) then 'place_changed'
        when (p_old.host_name, p_old.host_email) is distinct from (p_new.host_name, p_new.host_email) then 'host_changed'
        else 'details_changed'
    end
$$;

-- Writes the people of a booking; who came or went goes into the timeline, for them alone. → anything changed
create function private.write_people(p_booking_id uuid, p_derived jsonb, p_is_new boolean, p_context jsonb) returns boolean
    language plpgsql set search_path = '' as $$
declare
    v_person jsonb;
    v_old public.booking_attendees;
    v_new public.booking_attendees;
    v_changed boolean := false;
begin
    for v_person in select * from jsonb_array_elements(p_derived -> 'people') loop
        select * into v_old from public.booking_attendees a
        where a.booking_id = p_booking_id and coalesce(a.email, a.phone) = v_person ->> 'who';
        v_new := jsonb_populate_record(v_old, v_person - 'who');
        if v_new.removed_at is not null then  -- a later list without them removes nobody again
            v_new.removed_at := coalesce(v_old.removed_at, v_new.removed_at);
        end if;
        if v_old.id is null then
            v_new.id := gen_random_uuid();
            v_new.booking_id := p_booking_id;
            insert into public.booking_attendees select v_new.*;
        elsif v_new is distinct from v_old then
            update public.booking_attendees a
            set name = v_new.name, phone = v_new.phone, time_zone = v_new.time_zone, locale = v_new.locale,
                role = v_new.role, absent = v_new.absent, responses = v_new.responses, removed_at = v_new.removed_at
            where a.id = v_old.id;
        else
            continue;
        end if;
        v_changed := true;
        if not p_is_new and (v_old.id is null or v_old.removed_at is not null) and v_new.removed_at is null then
            perform private.tell_story(p_booking_id, 'attendee_added', p_context, '{}', 'attendee', v_new.id);
        elsif v_old.id is not null and v_old.removed_at is null and v_new.removed_at is not null then
            perform private.tell_story(p_booking_id, 'attendee_removed', p_context, '{}', 'attendee', v_new.id);
        end if;
    end loop;
    -- Somebody taken for an attendee turned out to be a host or of the team.
    update public.booking_attendees a set removed_at = now()
    where a.booking_id = p_booking_id and a.removed_at is null and not exists (
        select 1 from jsonb_array_elements(p_derived -> 'people') p where p ->> 'who' = coalesce(a.email, a.phone));
    return v_changed or found;
end $$;

create function private.tell_story(
    p_booking_id uuid, p_kind text, p_context jsonb, p_changes jsonb, p_audience text, p_attendee_id uuid) returns void
    language sql set search_path = '' as $$
    insert into public.booking_events
        (booking_id, kind, actor_kind, actor, source, audience, attendee_id, batch_id, reason, changes, occurred_at)
    values (p_booking_id, p_kind, p_context ->> 'actor_kind', p_context ->> 'actor', p_context ->> 'source', p_audience,
        p_attendee_id, (p_context ->> 'batch_id')::uuid, p_context ->> 'reason', p_changes,
        (p_context ->> 'occurred_at')::timestamptz)
$$;

-- Derives one booking and writes what changed. p_context: source, actor_kind, actor, reason, occurred_at. → changed
create function private.write_booking(p_booking_id uuid, p_context jsonb) returns boolean
    language plpgsql set search_path = '' set timezone = 'UTC' as $$
declare
    v_derived jsonb := private.derive(p_booking_id);
    v_old public.bookings;
    v_new public.bookings;
    v_changes jsonb;
    v_kind text;
    v_changed boolean;
begin
    if v_derived is null or v_derived #>> '{booking,starts_at}' is null then
        raise exception 'no report says when the booking starts' using errcode = '22004';
    end if;
    select * into v_old from public.bookings b where b.id = p_booking_id;
    v_new := jsonb_populate_record(v_old, v_derived -> 'booking');
    v_new.id := p_booking_id;
    v_new.created_at := coalesce(v_old.created_at, now());
    v_new.updated_at := now();
    -- A UID that an invitation carries stays.
    v_new.ical_uid := v_derived ->> 'ical_uid';
    if v_old.id is not null and exists (
        select 1 from public.notifications n where n.booking_id = v_old.id and n.status not in ('planned', 'skipped')) then
        v_new.ical_uid := v_old.ical_uid;
    end if;
    v_new.revision := greatest((v_derived ->> 'sequence')::integer, v_old.revision);
    if v_old.id is not null
       and (v_old.starts_at, v_old.ends_at, private.place(v_old), v_old.host_name, v_old.host_email, v_old.title, v_old.status)
           is distinct from
           (v_new.starts_at, v_new.ends_at, private.place(v_new), v_new.host_name, v_new.host_email, v_new.title, v_new.status)
    then
        v_new.revision := greatest((v_derived ->> 'sequence')::integer, 1 + greatest(v_old.revision, (
            select max(n.revision) from public.notifications n where n.booking_id = v_old.id and n.status <> 'skipped')));
    end if;

    v_changed := to_jsonb(v_old) - 'updated_at' is distinct from to_jsonb(v_new) - 'updated_at';
    if v_old.id is null then
        insert into public.bookings select v_new.*;
    elsif v_changed then
        update public.bookings b
        set ical_uid = v_new.ical_uid, revision = v_new.revision, status = v_new.status,
            reschedule_requested = v_new.reschedule_requested, title = v_new.title, description = v_new.description,
            event_type_id = v_new.event_type_id, event_type_slug = v_new.event_type_slug,
            event_type_title = v_new.event_type_title, starts_at = v_new.starts_at, ends_at = v_new.ends_at,
            location = v_new.location, meeting_url = v_new.meeting_url, host_name = v_new.host_name,
            host_email = v_new.host_email, host_time_zone = v_new.host_time_zone, seats = v_new.seats,
            series_id = v_new.series_id, cancellation_reason = v_new.cancellation_reason,
            cancelled_by = v_new.cancelled_by, updated_at = v_new.updated_at
        where b.id = p_booking_id;
    end if;

    insert into private.booking_details as d (booking_id, host_email, host_locale, moved, seated, insiders)
    values (p_booking_id, v_derived ->> 'host_email', v_derived ->> 'host_locale', (v_derived ->> 'moved')::boolean,
        (v_derived ->> 'seated')::boolean, v_derived -> 'insiders')
    on conflict (booking_id) do update
    set host_email = excluded.host_email, host_locale = excluded.host_locale, moved = excluded.moved,
        seated = excluded.seated, insiders = excluded.insiders
    where d is distinct from excluded;
    delete from private.booking_hosts h
    where h.booking_id = p_booking_id and not v_derived -> 'hosts' ? h.email;
    insert into private.booking_hosts (booking_id, email)
    select p_booking_id, h.email from jsonb_array_elements_text(v_derived -> 'hosts') h (email)
    on conflict do nothing;
    delete from private.booking_nodes n
    where n.booking_id = p_booking_id and not exists (
        select 1 from jsonb_array_elements(v_derived -> 'nodes') x where x ->> 'uid' = n.uid);
    insert into private.booking_nodes as n (uid, calcom_id, booking_id, is_head)
    select x.uid, x.calcom_id, p_booking_id, x.is_head
    from jsonb_to_recordset(v_derived -> 'nodes') x (uid text, calcom_id bigint, is_head boolean)
    on conflict (uid) do update
    set calcom_id = excluded.calcom_id, booking_id = excluded.booking_id, is_head = excluded.is_head
    where (n.calcom_id, n.booking_id, n.is_head)
        is distinct from (excluded.calcom_id, excluded.booking_id, excluded.is_head);

    v_changes := private.difference(v_old, v_new);
    if v_changes <> '{}' then
        v_kind := private.event_kind(v_old, v_new, (v_derived ->> 'moved')::boolean);
        if v_old.id is null and v_kind = 'moved' and v_derived ->> 'moved_from' is not null then
            v_changes := jsonb_set(v_changes, '{starts_at,0}', v_derived -> 'moved_from');
        end if;
        -- Why a seat was left is between that person and the staff (see write_people).
        perform private.tell_story(p_booking_id, v_kind,
            p_context || jsonb_build_object('reason', case
                when (v_derived ->> 'seated')::boolean then v_new.cancellation_reason
                when v_kind in ('cancelled', 'rejected', 'reschedule_requested')
                    then coalesce(p_context ->> 'reason', v_new.cancellation_reason)
                else p_context ->> 'reason' end),
            v_changes, 'everyone', null);
    end if;
    if private.write_people(p_booking_id, v_derived, v_old.id is null, p_context) then
        v_changed := true;
    end if;
    if v_changed then
        perform private.refresh_search_texts(array[p_booking_id]);
    end if;
    if (v_derived ->> 'two_heads')::boolean then
        perform private.doubt(p_booking_id, 'two_heads', 'two living bookings in one chain');
    end if;
    return v_changed;
end $$;

-- A place where bodies cannot decide: reconcile reads Cal.com's API, not before 15 s.
create function private.doubt(p_booking_id uuid, p_kind text, p_detail text) returns void
    language sql set search_path = '' as $$
    insert into public.doubts (booking_id, kind, detail) values (p_booking_id, p_kind, p_detail)
    on conflict (booking_id, kind) where resolved_at is null and booking_id is not null do nothing
$$;

-- Two bookings turn out to be one: the one made first survives, the other's id stays as an alias.
create function private.merge_bookings(p_booking_ids uuid[], p_context jsonb) returns uuid
    language plpgsql set search_path = '' as $$
declare
    v_survivor uuid := coalesce(
        (select b.id from public.bookings b where b.id = any (p_booking_ids) order by b.created_at, b.id limit 1),
        p_booking_ids[1]);  -- both new in this event, and not written yet
    v_other uuid;
begin
    perform set_config('booking.timeline', 'merge', true);
    foreach v_other in array array_remove(p_booking_ids, v_survivor) loop
        update private.reports r set booking_id = v_survivor where r.booking_id = v_other;
        continue when not exists (select 1 from public.bookings b where b.id = v_other);
        update private.outbox o set open = false
        from public.notifications n where n.id = o.notification_id and n.booking_id = v_other and n.status = 'planned';
        update public.notifications n set status = 'skipped', reason = 'superseded'
        where n.booking_id = v_other and n.status = 'planned';
        -- The same person in both: one row stays, and what belonged to the other moves to it.
        update public.booking_events e set booking_id = v_survivor, attendee_id = s.id
        from public.booking_attendees a
        join public.booking_attendees s
            on s.booking_id = v_survivor and coalesce(s.email, s.phone) = coalesce(a.email, a.phone)
        where a.booking_id = v_other and e.attendee_id = a.id;
        update public.notifications n set booking_id = v_survivor, attendee_id = s.id
        from public.booking_attendees a
        join public.booking_attendees s
            on s.booking_id = v_survivor and coalesce(s.email, s.phone) = coalesce(a.email, a.phone)
        where a.booking_id = v_other and n.attendee_id = a.id;
        delete from public.booking_attendees a using public.booking_attendees s
        where a.booking_id = v_other and s.booking_id = v_survivor
          and coalesce(s.email, s.phone) = coalesce(a.email, a.phone);
        update public.booking_attendees a set booking_id = v_survivor where a.booking_id = v_other;
        update public.notifications n set booking_id = v_survivor where n.booking_id = v_other;
        update public.booking_events e set booking_id = v_survivor where e.booking_id = v_other;
        update public.booking_notes n set booking_id = v_survivor where n.booking_id = v_other;
        update public.webhook_events w set booking_id = v_survivor where w.booking_id = v_other;
        delete from public.doubts d where d.booking_id = v_other and exists (
            select 1 from public.doubts s where s.booking_id = v_survivor and s.kind = d.kind and s.resolved_at is null);
        update public.doubts d set booking_id = v_survivor where d.booking_id = v_other;
        update private.booking_nodes n set booking_id = v_survivor where n.booking_id = v_other;
        update private.booking_aliases a set booking_id = v_survivor where a.booking_id = v_other;
        insert into private.booking_aliases (id, booking_id) values (v_other, v_survivor);
        delete from public.bookings b where b.id = v_other;
        perform private.refresh_search_texts(array[v_survivor]);
        perform private.tell_story(v_survivor, 'merged', p_context, '{}', 'staff', null);
    end loop;
    perform set_config('booking.timeline', '', true);
    return v_survivor;
end $$;

revoke execute on all functions in schema private from public, anon;
