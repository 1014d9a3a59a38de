-- The set of reports: how one is stored, under which names it is found, and which booking it belongs to.

-- How reports of one moment are ordered. Notes on a meeting (-1) take no part in a booking's state.
create function private.phase(p_trigger text) returns smallint
    language sql immutable set search_path = '' as $$
    select case p_trigger
        when 'REQUESTED' then 0 when 'PAYMENT_INITIATED' then 1 when 'CREATED' then 2 when 'RESCHEDULED' then 2
        when 'PAID' then 3 when 'LOCATION_UPDATED' then 4 when 'REASSIGNED' then 4 when 'API' then 5
        when 'REJECTED' then 6 when 'CANCELLED' then 7 else -1 end::smallint
$$;

-- Absent, null and empty mean the same and are written the same: not at all.
create function private.normalise(p_change jsonb) returns jsonb
    language sql immutable set search_path = '' as $$
    select coalesce(jsonb_object_agg(f.key, f.value), '{}')
    from jsonb_each(jsonb_strip_nulls(p_change)) f
    where f.value not in ('[]', '{}', '""') and not (f.key in ('recurring', 'seated') and f.value = 'false')
$$;

create function private.report_key(p_change jsonb) returns text
    language sql immutable set search_path = '' as $$
    select encode(sha256(convert_to((private.normalise(p_change) - 'at' - 'updated_at')::text, 'UTF8')), 'hex')
$$;

-- The names of a report. Edges are drawn only by what a report says of itself; a seated report draws none.
create function private.names_of(r private.reports) returns table (key text, binds text)
    language sql immutable set search_path = '' as $$
    select n.key, case min(n.rank) when 1 then 'strong' when 2 then 'weak' else 'none' end
    from (values
        ('uid:' || r.uid, case when r.phase < 0 then 3 else 1 end),
        ('id:' || r.calcom_id, case when r.phase < 0 then 3 when r.uid is null then 1 else 2 end),
        ('uid:' || case when r.phase >= 0 and not r.seated then r.rescheduled_from_uid end, 1),
        ('id:' || case when r.phase >= 0 and not r.seated then r.rescheduled_from_id end,
            case when r.rescheduled_from_uid is null then 1 else 2 end),
        ('uid:' || case when r.phase >= 0 and not r.seated then r.rescheduled_to_uid end, 1),
        ('ical:' || case when r.phase >= 0 then r.ical_uid end,
            case when r."trigger" in ('REQUESTED', 'PAYMENT_INITIATED', 'CREATED', 'RESCHEDULED', 'API')
                      and not r.recurring and not r.seated then 1 else 2 end),
        ('series:' || case when r.phase >= 0 then r.series end, 3),
        ('left:' || case when r.phase >= 0 and r.seated then r.rescheduled_from_uid end, 3)
    ) n (key, rank)
    where n.key is not null
    group by n.key
    union
    select 'seat:' || (p.person ->> 'seat'), 'none'
    from jsonb_array_elements(r.people) p (person) where p.person ->> 'seat' is not null
$$;

create type private.stored_report as (id bigint, is_new boolean, changed boolean, resent boolean);

-- Keeps a change once. A copy can only correct its time: of a body the first sending counts, of an API answer the
-- last reading. `resent`: the copy is later than a newer, differing report of the same uid, so bodies cannot tell.
create function private.store_report(p_change jsonb, p_source text) returns private.stored_report
    language plpgsql set search_path = '' as $$
declare
    v_key text := private.report_key(p_change);
    v_at timestamptz := (p_change ->> 'at')::timestamptz;
    v_old private.reports;
    v_new private.reports;
begin
    select * into v_old from private.reports r where r.key = v_key;
    if not found then
        insert into private.reports overriding system value
        select r.* from jsonb_populate_record(null::private.reports,
            '{"recurring": false, "seated": false, "team": []}' || private.normalise(p_change) || jsonb_build_object(
                'id', nextval('private.reports_id_seq'), 'key', v_key, 'source', p_source,
                'phase', private.phase(p_change ->> 'trigger'))) r
        returning * into v_new;
        insert into private.report_keys (key, report_id, binds)
        select n.key, v_new.id, n.binds from private.names_of(v_new) n;
        return (v_new.id, true, true, false);
    end if;
    if v_old."trigger" = 'API' then
        update private.reports r
        set at = greatest(r.at, v_at), updated_at = coalesce((p_change ->> 'updated_at')::timestamptz, r.updated_at)
        where r.id = v_old.id;
        return (v_old.id, false, v_at > v_old.at, false);
    end if;
    if v_old.phase < 0 and v_old."trigger" <> 'NO_SHOW' then  -- its time is only when we received it
        return (v_old.id, false, false, false);
    end if;
    update private.reports r set at = v_at where r.id = v_old.id and v_at < r.at;
    return (v_old.id, false, v_at < v_old.at, exists (
        select 1 from private.report_keys k join private.reports r on r.id = k.report_id
        where k.key = coalesce('uid:' || v_old.uid, 'id:' || v_old.calcom_id) and r.id <> v_old.id and (r.phase >= 0) = (v_old.phase >= 0)
          and r.uid is not distinct from v_old.uid and r.at > v_old.at and r.at < v_at));
end $$;

-- The bookings that a report belongs to: none, one, or several that turn out to be one.
create function private.bookings_of_report(p_report_id bigint) returns uuid[]
    language plpgsql stable set search_path = '' as $$
begin
    return (
        select coalesce(array_agg(distinct b.booking_id), '{}')
        from (
            select r.booking_id from private.reports r where r.id = p_report_id
            union all
            select r.booking_id
            from private.report_keys mine
            join private.report_keys other on other.key = mine.key and other.report_id <> mine.report_id
            join private.reports r on r.id = other.report_id
            where mine.report_id = p_report_id
              and 'strong' in (mine.binds, other.binds) and 'none' not in (mine.binds, other.binds)
        ) b
        where b.booking_id is not null);
end $$;

-- The known booking that a note on a meeting (started, ended, no show) is about.
create function private.booking_of_note(p_report_id bigint) returns uuid
    language sql stable set search_path = '' as $$
    select r.booking_id
    from private.report_keys mine
    join private.report_keys other on other.key = mine.key
    join private.reports r on r.id = other.report_id
    where mine.report_id = p_report_id and r.booking_id is not null and r.phase >= 0
      and other.binds <> 'none'
    order by mine.key like 'uid:%' desc, r.booking_id
    limit 1
$$;

-- Bookings whose state a report of another booking decides too: those of a cancelled series, and the booking that a
-- seat was moved out of.
create function private.bookings_touched_by(p_report_id bigint) returns uuid[]
    language plpgsql stable set search_path = '' as $$
declare
    r private.reports;
begin
    select * into r from private.reports x where x.id = p_report_id;
    if not (r."trigger" = 'CANCELLED' and r.recurring and not r.seated or r."trigger" = 'RESCHEDULED' and r.seated) then
        return '{}';
    end if;
    return (
        select coalesce(array_agg(distinct o.booking_id), '{}')
        from private.report_keys k
        cross join lateral (values (k.key), (replace(k.key, 'left:', 'uid:')), (replace(k.key, 'left:', 'seat:'))) n (key)
        join private.report_keys ok on ok.key = n.key
        join private.reports o on o.id = ok.report_id
        where k.report_id = r.id and k.key ~ '^(series|seat|left):' and o.booking_id is not null);
end $$;

-- What two reports about the same thing must not do at once.
create function private.lock_names(p_change jsonb) returns setof text
    language sql stable set search_path = '' as $$
    select n.key
    from private.names_of(jsonb_populate_record(null::private.reports,
        '{"recurring": false, "seated": false}' || private.normalise(p_change)
        || jsonb_build_object('phase', private.phase(p_change ->> 'trigger')))) n
    union
    select x.key
    from unnest(array['uid:' || (p_change ->> 'rescheduled_from_uid'),
                      'seat:' || (p_change ->> 'rescheduled_from_uid')]) x (key)
    where x.key is not null
$$;

revoke execute on all functions in schema private from public, anon;
