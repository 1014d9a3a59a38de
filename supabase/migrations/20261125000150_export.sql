-- Bookings as rows of text, a page at a time, as the caller sees them. The columns are those of shared/csv_export.py.

-- The bookings of one page: those of the filters behind the cursor, or the named ones.
create function private.export_candidates(p_filters jsonb, p_booking_ids uuid[], p_cursor text, p_page_size integer)
    returns setof private.found_booking
    language plpgsql stable set search_path = '' as $$
declare
    f private.booking_filters := private.filters_of(p_filters);
begin
    if p_booking_ids is not null then
        return query select r.*
            from (select distinct private.current_booking_id(i.id) as id from unnest(p_booking_ids) i (id)) named
            cross join lateral jsonb_populate_record(null::private.found_booking, private.my_booking(named.id)) r
            where r.id is not null order by r.starts_at desc, r.id desc;
        return;
    end if;
    f.page_cursor := p_cursor;
    f.page_size := p_page_size;
    return query select * from private.find_bookings(f);
end $$;

create function public.export_page(
    p_filters jsonb, p_booking_ids uuid[] default null, p_cursor text default null, p_time_zone text default null,
    p_page_size integer default 2000) returns json
    language sql stable security invoker set search_path = '' as $$
    -- There may be 200,000 rows, so what each of them costs counts: times are written right here, since a function of
    -- ours would be called for every one, and the answer is json, which is not put together twice as jsonb is.
    with candidates as materialized (
        select c.*, row_number() over () as n
        from private.export_candidates(p_filters, p_booking_ids, p_cursor, least(p_page_size, 5000)) c
    ),
    rows as (
        select c.n, array[c.id::text, c.status, c.title, b.event_type_title,
            to_char(c.starts_at at time zone 'UTC', f.utc), to_char(c.ends_at at time zone 'UTC', f.utc),
            to_char(c.starts_at at time zone z.name, f.local), to_char(c.ends_at at time zone z.name, f.local), z.name,
            b.host_name, b.host_email, p.booker ->> 0, p.booker ->> 1, p.booker ->> 2, p.everybody,
            b.location, b.meeting_url, b.series_id::text, b.cancellation_reason, b.cancelled_by, m.last,
            to_char(b.created_at at time zone 'UTC', f.utc), to_char(b.updated_at at time zone 'UTC', f.utc)] as cells
        from candidates c
        cross join (values ('YYYY-MM-DD"T"HH24:MI:SS"Z"', 'YYYY-MM-DD HH24:MI')) f (utc, local)
        left join public.bookings b on b.id = c.id and not c.removed
        cross join lateral (select coalesce(p_time_zone, b.host_time_zone, 'UTC') as name) z
        left join lateral (
            select (array_agg(json_build_array(a.name, a.email, a.phone) order by a.role, a.id)
                    filter (where a.role <> 'guest'))[1] as booker,  -- a guest who asks does not become it
                string_agg(concat_ws(' ', a.name, '<' || coalesce(a.email, a.phone) || '>'), '; ' order by a.role, a.id) as everybody
            from public.booking_attendees a where a.booking_id = b.id and a.removed_at is null) p on true
        left join lateral (
            select concat_ws(' ', n.channel, n.kind, n.status) as last
            from public.notifications n where n.booking_id = b.id order by n.created_at desc, n.id limit 1) m on true
    )
    select json_build_object(
        'rows', coalesce((select json_agg(r.cells order by r.n) from rows r), '[]'),
        'cursor', case when p_booking_ids is null and count(*) = least(p_page_size, 5000)
            then (array_agg(private.cursor_of(c.starts_at, c.id) order by c.n desc))[1] end)
    from candidates c
$$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.export_page(jsonb, uuid[], text, text, integer) from public, anon, service_role;
grant execute on function private.filters_of(jsonb), private.export_candidates(jsonb, uuid[], text, integer)
    to authenticated;
grant execute on function public.export_page(jsonb, uuid[], text, text, integer) to authenticated;
comment on function public.export_page(jsonb, uuid[], text, text, integer) is
    '{"rows": [[text | null, …]], "cursor": of the next page, null: that was all}. p_filters: those of search_bookings '
    'without p_; p_booking_ids: these instead; p_time_zone: of the local times (null: the host''s).';
