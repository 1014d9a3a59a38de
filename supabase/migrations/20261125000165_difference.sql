-- The slug of an event type is its name in an address and no news to anybody, as little as its id: bodies about payments
-- leave it out, and what tells it later has changed nothing.
create or replace function private.difference(p_old public.bookings, p_new public.bookings) returns jsonb
    language sql stable set search_path = '' set timezone = 'UTC' as $$
    select coalesce(jsonb_object_agg(n.key, jsonb_build_array(o.value, n.value)), '{}')
    from jsonb_each(to_jsonb(p_new)) n
    left join jsonb_each(to_jsonb(p_old)) o on o.key = n.key
    where n.key not in ('id', 'ical_uid', 'revision', 'created_at', 'updated_at', 'event_type_id', 'event_type_slug', 'series_id',
                        'seats', 'reschedule_requested', 'host_time_zone')
      and coalesce(o.value, 'null') <> n.value
$$;
