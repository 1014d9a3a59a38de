-- The parts of erasing a person: what bookings are derived from, then all that was derived, sent, noted or kept.

create type private.person_to_erase as (
    who text,                -- the address (or number) by which they are known
    pseudonym text,
    phones text[],
    attendee_ids uuid[],
    booking_ids uuid[],
    booked_ids uuid[],       -- unseated ones that they booked: all free text there is about them
    seated_ids uuid[],
    names text[]             -- by which texts may call them
);

create function private.instant(p_at timestamptz) returns text
    language sql immutable set search_path = '' as $$
    select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

-- The change that a report was stored from, in the spelling of shared/booking.py: the same key again.
create function private.change_of(r private.reports) returns jsonb
    language sql immutable set search_path = '' as $$
    select private.normalise(to_jsonb(r) - '{id,key,booking_id,source,phase}'::text[] || jsonb_build_object(
        'at', private.instant(r.at), 'updated_at', private.instant(r.updated_at),
        'starts_at', private.instant(r.starts_at), 'ends_at', private.instant(r.ends_at),
        'rescheduled_from_starts_at', private.instant(r.rescheduled_from_starts_at)))
$$;

create function private.reports_naming(p_who text) returns setof bigint
    language sql stable set search_path = '' as $$
    select r.id from private.reports r where r.people @> jsonb_build_array(jsonb_build_object('email', p_who))
    union select r.id from private.reports r where r.people @> jsonb_build_array(jsonb_build_object('phone', p_who))
    union select r.id from private.reports r where r.booker = p_who
$$;

-- Reports that say the same once the person is gone become one, as if they had always come that way.
create function private.erase_from_reports(p private.person_to_erase) returns integer
    language plpgsql set search_path = '' as $$
declare
    r private.reports;
    v_old jsonb;
    v_new jsonb;
    v_key text;
    v_count integer := 0;
begin
    for r in select * from private.reports x
             where x.id in (select y.id from private.reports y where y.booking_id = any (p.booking_ids)
                            union select private.reports_naming(p.who))
             order by x.id
    loop
        v_old := private.change_of(r);
        v_new := private.redact_person(v_old, p.who, p.pseudonym);
        v_new := case
            when r.booking_id = any (p.booked_ids) then private.redact_texts(v_new)
            when r.booking_id = any (p.seated_ids) then private.redact_title(v_new)
            else v_new end;
        continue when v_new = v_old;
        v_count := v_count + 1;
        v_key := private.report_key(v_new);
        update private.reports x
        set at = case when x."trigger" = 'API' then greatest(x.at, r.at) else least(x.at, r.at) end,
            updated_at = greatest(x.updated_at, r.updated_at)
        where x.key = v_key;
        if found then
            delete from private.reports x where x.id = r.id;
        else
            update private.reports x
            set key = v_key, people = v_new -> 'people', booker = v_new ->> 'booker', title = v_new ->> 'title',
                description = v_new ->> 'description', reason = v_new ->> 'reason', location = v_new ->> 'location'
            where x.id = r.id;
        end if;
    end loop;
    return v_count;
end $$;

-- The rows that people see, brought to what the reports say now: without an entry in the timeline, which would tell.
create function private.erase_from_bookings(p private.person_to_erase) returns integer
    language plpgsql set search_path = '' as $$
declare
    b public.bookings;
    v_derived jsonb;
    v_new public.bookings;
begin
    update public.booking_attendees a
    set email = p.pseudonym, name = null, phone = null, time_zone = null, locale = null, responses = null
    where a.id = any (p.attendee_ids);
    for b in select * from public.bookings x where x.id = any (p.booking_ids) loop
        v_derived := private.derive(b.id);
        v_new := jsonb_populate_record(b, v_derived -> 'booking');
        update public.bookings x
        set title = v_new.title, description = v_new.description, location = v_new.location,
            cancellation_reason = v_new.cancellation_reason, updated_at = now(),
            revision = b.revision + case when (b.title, private.place(b)) is distinct from (v_new.title, private.place(v_new))
                                         then 1 else 0 end
        where x.id = b.id;
        -- The others were told this place; that it is forgotten here is no news for them.
        update private.outbox o set target = jsonb_set(o.target, '{place}', coalesce(to_jsonb(private.place(v_new)), 'null'))
        from public.notifications n
        where n.id = o.notification_id and n.booking_id = b.id and o.target ->> 'place' = private.place(b)
          and private.place(b) is distinct from private.place(v_new);
        update public.booking_attendees a
        set responses = x.responses
        from jsonb_to_recordset(v_derived -> 'people') x (who text, responses jsonb)
        where a.booking_id = b.id and coalesce(a.email, a.phone) = x.who and a.responses is distinct from x.responses;
    end loop;
    perform private.refresh_search_texts(p.booking_ids);
    return cardinality(p.attendee_ids);
end $$;

create function private.erase_from_timeline(p private.person_to_erase) returns integer
    language plpgsql set search_path = '' as $$
declare
    v_count integer;
begin
    perform set_config('booking.timeline', 'erase', true);
    update public.booking_events e
    set actor = case when e.actor_kind <> 'client' then e.actor end, reason = null,
        changes = (select coalesce(jsonb_object_agg(c.key, c.value), '{}') from jsonb_each(e.changes) c
                   where c.key not in ('title', 'description', 'cancellation_reason')
                     and not (c.key = 'location' and (private.is_personal_place(c.value ->> 0)
                                                      or private.is_personal_place(c.value ->> 1))))
    where e.booking_id = any (p.booked_ids) or e.attendee_id = any (p.attendee_ids);
    get diagnostics v_count = row_count;
    update public.booking_events e set changes = e.changes - 'title'
    where e.booking_id = any (p.seated_ids) and e.changes ? 'title';
    update public.booking_events e set actor = null
    where e.booking_id = any (p.booking_ids) and e.actor = any (p.names);
    perform set_config('booking.timeline', '', true);
    return v_count;
end $$;

-- Nothing leaves to them any more. A message under way may have arrived: it ends as `unknown`.
create function private.erase_from_messages(p private.person_to_erase) returns integer
    language plpgsql set search_path = '' as $$
declare
    v_ids uuid[] := array(
        select n.id from public.notifications n
        where n.attendee_id = any (p.attendee_ids) or n.channel = 'email' and n.recipient = p.who
           or n.channel = 'sms' and n.recipient = any (p.phones || p.who) order by n.id);
begin
    perform 1 from private.outbox o where o.notification_id = any (v_ids) order by o.notification_id for update;
    -- Bytes that carry other people's messages too stay until those are settled, a day at most.
    delete from private.outbox_batches x
    using private.outbox o
    where o.batch_key = x.key and o.notification_id = any (v_ids) and not exists (
        select 1 from private.outbox other
        where other.batch_key = x.key and other.open and other.notification_id <> all (v_ids));
    update private.outbox o set open = false, lease = null where o.notification_id = any (v_ids);
    update public.notifications n
    set recipient = p.pseudonym,
        status = case n.status when 'planned' then 'skipped' when 'sending' then 'unknown' else n.status end,
        reason = case n.status when 'planned' then 'suppressed' else n.reason end
    where n.id = any (v_ids);
    update private.delivery_attempts t set error = null where t.notification_id = any (v_ids);
    update private.receipts r set detail = null
    from public.notifications n
    where n.id = any (v_ids) and (r.notification_id = n.id or r.channel = n.channel and r.provider_id = n.provider_id);
    return cardinality(v_ids);
end $$;

-- Bodies about their bookings, bodies about none (forms, what was not understood), and events that wait.
create function private.erase_from_inbox(p private.person_to_erase) returns integer
    language plpgsql set search_path = '' as $$
declare
    v_count integer;
begin
    update public.webhook_events w
    set body = private.stub_of(w.body), error = split_part(w.error, ':', 1)
    where w.booking_id = any (p.booked_ids)
       or w.booking_id = any (p.booking_ids) and exists (
           select 1 from unnest(p.names) n (name) where strpos(lower(w.body::text), lower(ltrim(n.name, '+'))) > 0)
       or w.booking_id is null and strpos(lower(w.body::text), ltrim(p.who, '+')) > 0;  -- <digits>@sms.cal.com
    get diagnostics v_count = row_count;
    update private.pending_events x set event = private.redact_erased_event(x.event)
    where strpos(lower(x.event::text), p.who) > 0;
    return v_count;
end $$;

-- What they themselves left: wishes, consents (kept as a proof about nobody), feeds, filters, notes.
create function private.erase_own(p private.person_to_erase, p_user_id uuid) returns jsonb
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
    )
    select jsonb_build_object(
        'preferences', (select count(*) from wishes), 'consents', (select count(*) from consents),
        'feeds', (select count(*) from feeds), 'saved_views', (select count(*) from views),
        'notes', (select count(*) from notes), 'suppressions', (select count(*) from suppressed))
$$;

revoke execute on all functions in schema private from public, anon;
