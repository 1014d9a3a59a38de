-- The list of bookings, by more filters: the state of the last message, and when it was booked. One implementation for the
-- list, its count, a frozen list of ids, exports and feeds.

alter type private.booking_filters add attribute message text, add attribute created_from timestamptz,
    add attribute created_to timestamptz;

create or replace function private.checked_filters(f private.booking_filters) returns private.booking_filters
    language plpgsql stable set search_path = '' as $$
begin
    f.q := nullif(lower(btrim(f.q)), '');
    f.status := nullif(f.status, '');
    f.client := nullif(lower(btrim(f.client)), '');
    f.host := nullif(lower(btrim(f.host)), '');
    f.message := nullif(f.message, '');
    f.period := coalesce(nullif(f.period, ''), 'all');
    f.page_size := least(greatest(coalesce(f.page_size, 20), 1), 1000);
    if f.period not in ('upcoming', 'past', 'cancelled', 'all') then
        raise exception 'unknown period' using errcode = '22023', hint = 'upcoming, past, cancelled or all';
    end if;
    if length(f.q) > 200 then
        raise exception 'the search text is too long' using errcode = '22023', hint = '200 characters at most';
    end if;
    if not string_to_array(f.message, ',')
           <@ '{planned,sending,unknown,failed,sent,delivered,bounced,complained,skipped}'::text[] then
        raise exception 'unknown state of a message' using errcode = '22023', hint = 'those of notifications, with commas';
    end if;
    return f;
end $$;

-- What may be asked of a list, as JSON; other words are refused.
create or replace function private.filters_of(p_filters jsonb) returns private.booking_filters
    language plpgsql stable set search_path = '' as $$
declare
    c_names constant text[] := '{q,status,client,host,event_type_id,starts_from,starts_to,period,message,created_from,created_to}';
begin
    if jsonb_typeof(coalesce(p_filters, '{}')) <> 'object' or exists (
        select 1 from jsonb_object_keys(coalesce(p_filters, '{}')) k (key) where k.key <> all (c_names)) then
        raise exception 'unknown filter' using errcode = '22023', hint = array_to_string(c_names, ', ');
    end if;
    return private.checked_filters(jsonb_populate_record(null::private.booking_filters, jsonb_strip_nulls(coalesce(p_filters, '{}'))));
end $$;

revoke execute on all functions in schema private from public, anon;
