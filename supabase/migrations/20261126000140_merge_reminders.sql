-- Two bookings that turn out to be one may both have reminded somebody of one time: occurrences of a series share a UID.

-- Of two reminders that would be one row after merging, the one that came further stays; if both have left, both do.
create function private.settle_twins(p_survivor uuid, p_other uuid) returns void
    language plpgsql set search_path = '' as $$
declare
    v_twin record;
begin
    for v_twin in
        select x.id, y.id as theirs, coalesce(private.status_rank(x.status), 0) as rank,
            coalesce(private.status_rank(y.status), 0) as their_rank
        from public.notifications x
        join public.booking_attendees a on a.id = x.attendee_id
        join public.booking_attendees s
            on s.booking_id = p_survivor and coalesce(s.email, s.phone) = coalesce(a.email, a.phone)
        join public.notifications y
            on y.attendee_id = s.id and y.kind = 'reminder' and (y.channel, y.lead_minutes, y.starts_at, y.ical_uid)
                = (x.channel, x.lead_minutes, x.starts_at, x.ical_uid)
        where x.booking_id = p_other and x.kind = 'reminder'
    loop
        if least(v_twin.rank, v_twin.their_rank) >= private.status_rank('sending') then
            update public.notifications n set ical_uid = n.ical_uid || ' ' || p_other where n.id = v_twin.id;
        else
            delete from public.notifications n
            where n.id = case when v_twin.rank > v_twin.their_rank then v_twin.theirs else v_twin.id end;
        end if;
    end loop;
end $$;

-- Two bookings turn out to be one: the one made first survives, the other's id stays as an alias.
create or replace function private.merge_bookings(p_booking_ids uuid[], p_context jsonb) returns uuid
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
        perform private.settle_twins(v_survivor, v_other);
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
