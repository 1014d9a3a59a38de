-- Who was erased stays erased. What was known then, and comes again (a replay, a sweep, a late webhook), names a
-- pseudonym instead; a booking made later is a new one, with a person like any other.

create extension if not exists pgcrypto with schema extensions;

-- Made here, read by one function, never shown: without it a pseudonym leads back to nobody.
create table private.erasure_key (
    one boolean primary key default true check (one),
    key bytea not null default extensions.gen_random_bytes(32)
);
insert into private.erasure_key default values;

create table private.erased (
    pseudonym text primary key,
    erased_at timestamptz not null
);

-- Where somebody is named, found without reading the whole set: erasing must not hold up what comes in.
create index reports_people on private.reports using gin (people jsonb_path_ops);
create index reports_booker on private.reports (booker) where booker is not null;

-- A person's pseudonym: an address that no mail can reach (RFC 2606), from the keyed hash of the real one.
create function private.pseudonym(p_who text) returns text
    language sql stable set search_path = '' as $$
    select left(encode(extensions.hmac(convert_to(p_who, 'UTF8'), k.key, 'sha256'), 'hex'), 32) || '@erased.invalid'
    from private.erasure_key k
$$;

create function private.who_is(p_person jsonb) returns text
    language sql immutable set search_path = '' as $$ select coalesce(p_person ->> 'email', p_person ->> 'phone') $$;

-- A place that tells something of the person who gave it: their number or address, not a meeting link.
create function private.is_personal_place(p_location text) returns boolean
    language sql immutable set search_path = '' as $$
    select p_location !~* '^(integrations:|https?://)' and (p_location ~ '^\+?[0-9][0-9 ().-]{5,}$' or p_location like '%@%')
$$;

-- The event type's title: the booking's own may name who booked.
create function private.redact_title(p_change jsonb) returns jsonb
    language sql immutable set search_path = '' as $$
    select p_change - 'title' || case when p_change ? 'title' and p_change ? 'event_type_title'
        then jsonb_build_object('title', p_change -> 'event_type_title') else '{}' end
$$;

-- Without any free text about who booked, and without their number or address as the place.
create function private.redact_texts(p_change jsonb) returns jsonb
    language sql immutable set search_path = '' as $$
    select private.redact_title(p_change) - 'description' - 'reason'
        - case when private.is_personal_place(p_change ->> 'location') then 'location' else '' end
$$;

-- One person of a change: all that is kept of who is erased is which seat and row were theirs. Others may have named
-- them in their answers.
create function private.redact_listed(p_person jsonb, p_who text, p_pseudonym text) returns jsonb
    language sql immutable set search_path = '' as $$
    select case
        when private.who_is(p_person) = p_who then jsonb_strip_nulls(jsonb_build_object('email', p_pseudonym,
            'seat', p_person -> 'seat', 'row', p_person -> 'row', 'absent', p_person -> 'absent'))
        when strpos(lower(p_person ->> 'responses'), p_who) > 0 then jsonb_set(p_person, '{responses}', (
            select coalesce(jsonb_object_agg(r.key, r.value), '{}') from jsonb_each(p_person -> 'responses') r
            where strpos(lower(r.value::text), p_who) = 0))
        else p_person end
$$;

-- A change that says the same of somebody else.
create function private.redact_person(p_change jsonb, p_who text, p_pseudonym text) returns jsonb
    language plpgsql immutable set search_path = '' as $$
declare
    v_people constant jsonb := coalesce(nullif(p_change -> 'people', 'null'), '[]');
    v_first constant text := private.who_is(v_people -> 0);
    v_change jsonb := p_change;
begin
    if v_people <> '[]' then
        v_change := jsonb_set(v_change, '{people}', (
            select jsonb_agg(private.redact_listed(p.person, p_who, p_pseudonym) order by p.n)
            from jsonb_array_elements(v_people) with ordinality p (person, n)));
    end if;
    if p_change ->> 'booker' = p_who then
        v_change := jsonb_set(v_change, '{booker}', to_jsonb(p_pseudonym));
    end if;
    if p_change -> 'seated' = 'true' then
        v_change := private.redact_title(v_change);
    elsif p_who = coalesce(p_change ->> 'booker', v_first) then
        return private.redact_texts(v_change);
    end if;
    if v_first = p_who and jsonb_array_length(v_people) = 1 then  -- a seat's own reason
        v_change := v_change - 'reason';
    end if;
    return (
        select jsonb_object_agg(f.key, f.value) from jsonb_each(v_change) f
        where f.key not in ('title', 'description', 'reason', 'location') or strpos(lower(f.value #>> '{}'), p_who) = 0);
end $$;

-- Bookings that share a name with this change, however loosely. (A whole series is too loose.)
create function private.bookings_named_by(p_change jsonb) returns uuid[]
    language sql stable set search_path = '' as $$
    select coalesce(array_agg(distinct r.booking_id), '{}')
    from private.names_of(jsonb_populate_record(null::private.reports,
        '{"recurring": false, "seated": false, "phase": 0}' || private.normalise(p_change))) n
    join private.report_keys k on k.key = n.key
    join private.reports r on r.id = k.report_id
    where r.booking_id is not null and n.key not like 'series:%' and (n.key not like 'ical:%' or n.binds = 'strong')
$$;

-- The part of erased people in these bookings: booker before seat; null: none, or only guests.
create function private.part_of_erased(p_booking_ids uuid[]) returns text
    language sql stable set search_path = '' as $$
    select min(a.role) from public.booking_attendees a join private.erased e on e.pseudonym = a.email
    where a.booking_id = any (p_booking_ids) and a.role in ('booker', 'seat')
$$;

-- Whether what a change says of this person was known when they were erased, or is older.
create function private.was_known_then(
    p_change jsonb, p_booking_ids uuid[], p_who text, p_seat text, p_erased private.erased) returns boolean
    language sql stable set search_path = '' as $$
    select case
        when exists (select 1 from public.booking_attendees a  -- they came back to this very booking
                     where a.booking_id = any (p_booking_ids) and p_who in (a.email, a.phone)) then false
        when exists (select 1 from public.booking_attendees a
                     where a.booking_id = any (p_booking_ids) and a.email = p_erased.pseudonym)
            then not (p_seat is not null and (p_change ->> 'at')::timestamptz > p_erased.erased_at
                      and not exists (select 1 from private.report_keys k where k.key = 'seat:' || p_seat))
        else (p_change ->> 'starts_at')::timestamptz <= p_erased.erased_at
            or case when p_change ->> 'trigger' = 'API' then p_change ->> 'updated_at' else p_change ->> 'at' end::timestamptz
                <= p_erased.erased_at
        end
$$;

-- A change as it may be kept. Nothing about erased people in it: the same change.
create function private.redact_erased(p_change jsonb) returns jsonb
    language plpgsql stable set search_path = '' as $$
declare
    v_booking_ids uuid[] := private.bookings_named_by(p_change);
    v_change jsonb := p_change;
    v_person record;
begin
    for v_person in
        select w.who, w.seat, e as erased
        from (select private.who_is(p.person) as who, p.person ->> 'seat' as seat
              from jsonb_array_elements(coalesce(nullif(p_change -> 'people', 'null'), '[]')) p (person)
              union select p_change ->> 'booker', null) w
        join private.erased e on e.pseudonym = private.pseudonym(w.who)
    loop
        if private.was_known_then(p_change, v_booking_ids, v_person.who, v_person.seat, v_person.erased) then
            v_change := private.redact_person(v_change, v_person.who, (v_person.erased).pseudonym);
        end if;
    end loop;
    return case private.part_of_erased(v_booking_ids)
        when 'booker' then private.redact_texts(v_change)
        when 'seat' then private.redact_title(v_change)
        else v_change end;
end $$;

-- All that is kept of a body that names somebody erased. Its report is kept apart.
create function private.stub_of(p_body jsonb) returns jsonb
    language sql immutable set search_path = '' as $$
    select jsonb_strip_nulls(jsonb_build_object('erased', true, 'triggerEvent', p_body -> 'triggerEvent',
        'createdAt', p_body -> 'createdAt'))
$$;

create function private.names_somebody_erased(p_text text) returns boolean
    language sql stable set search_path = '' as $$
    select exists (
        select 1 from (
            select distinct regexp_replace(lower(m.word[1]), '^\+?([0-9]+)@sms\.cal\.com$', '+\1') as word
            from regexp_matches(p_text, '[^\s"''<>:;,()\\]+@[^\s"''<>:;,()\\]+|\+[0-9]{7,15}', 'g') m (word)) w
        join private.erased e on e.pseudonym = private.pseudonym(w.word))
$$;

-- An event as it may be applied and kept. Erasure waits until the events under way are done, and they for it.
create function private.redact_erased_event(p_event jsonb) returns jsonb
    language plpgsql set search_path = '' as $$
declare
    v_changes jsonb := coalesce(nullif(p_event -> 'changes', 'null'), '[]');
    v_redacted jsonb;
    v_is_theirs boolean;
begin
    perform pg_advisory_xact_lock_shared(hashtextextended('erasure', 0));
    if not exists (select 1 from private.erased) then
        return p_event;
    end if;
    select coalesce(jsonb_agg(private.redact_erased(c.change) order by c.n), '[]'),
        bool_or(coalesce(private.part_of_erased(private.bookings_named_by(c.change)) = 'booker', false))
    into v_redacted, v_is_theirs
    from jsonb_array_elements(v_changes) with ordinality c (change, n);
    if v_redacted = v_changes and not coalesce(v_is_theirs, private.names_somebody_erased((p_event -> 'body')::text)) then
        return p_event;
    end if;
    return p_event - 'reason' || jsonb_build_object('changes', v_redacted)
        || case when p_event ? 'body' then jsonb_build_object('body', private.stub_of(p_event -> 'body')) else '{}' end;
end $$;

revoke execute on all functions in schema private from public, anon;
comment on table private.erased is 'Pseudonyms of people who were erased, and when.';
