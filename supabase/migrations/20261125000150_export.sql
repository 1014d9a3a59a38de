-- Bookings as rows of text, a page at a time, as the caller sees them. The columns are those of shared/csv_export.py.

create function private.utc_text(p_at timestamptz) returns text
    language sql immutable set search_path = '' as $$ select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') $$;
create function private.local_text(p_at timestamptz, p_time_zone text) returns text
    language sql stable set search_path = '' as $$ select to_char(p_at at time zone p_time_zone, 'YYYY-MM-DD HH24:MI') $$;

-- The bookings of one page: those of the filters behind the cursor, or the named ones.
create function private.export_candidates(p_filters jsonb, p_booking_ids uuid[], p_cursor text, p_page_size integer)
    returns setof private.found_booking
    language plpgsql stable set search_path = '' as $$
declare
    f private.booking_filters := private.filters_of(p_filters);
begin
    if p_booking_ids is not null then
        return query select b.id, b.starts_at, b.ends_at, b.title, b.status, false
            from public.bookings b where b.id = any (p_booking_ids) order by b.starts_at desc, b.id desc;
        return;
    end if;
    f.page_cursor := p_cursor;
    f.page_size := p_page_size;
    return query select * from private.find_bookings(f);
end $$;

create function public.export_page(
    p_filters jsonb, p_booking_ids uuid[] default null, p_cursor text default null, p_time_zone text default null,
    p_page_size integer default 2000) returns jsonb
    language sql stable security invoker set search_path = '' as $$
    with candidates as materialized (
        select c.*, row_number() over () as n
        from private.export_candidates(p_filters, p_booking_ids, p_cursor, least(p_page_size, 5000)) c
    ),
    rows as (
        select c.n, jsonb_build_array(c.id, c.status, c.title, b.event_type_title,
            private.utc_text(c.starts_at), private.utc_text(c.ends_at),
            private.local_text(c.starts_at, z.name), private.local_text(c.ends_at, z.name), z.name,
            b.host_name, b.host_email, p.booker ->> 0, p.booker ->> 1, p.booker ->> 2, p.everybody,
            b.location, b.meeting_url, b.series_id, b.cancellation_reason, b.cancelled_by, m.last,
            private.utc_text(b.created_at), private.utc_text(b.updated_at)) as cells
        from candidates c
        left join public.bookings b on b.id = c.id and not c.removed
        cross join lateral (select coalesce(p_time_zone, b.host_time_zone, 'UTC') as name) z
        left join lateral (
            select (array_agg(jsonb_build_array(a.name, a.email, a.phone) order by a.role <> 'booker', a.id))[1] as booker,
                string_agg(concat_ws(' ', a.name, '<' || coalesce(a.email, a.phone) || '>'), '; ' order by a.role, a.id) as everybody
            from public.booking_attendees a where a.booking_id = b.id and a.removed_at is null) p on true
        left join lateral (
            select concat_ws(' ', n.channel, n.kind, n.status) as last
            from public.notifications n where n.booking_id = b.id order by n.created_at desc, n.id limit 1) m on true
    )
    select jsonb_build_object(
        'rows', coalesce((select jsonb_agg(r.cells order by r.n) from rows r), '[]'),
        'cursor', case when p_booking_ids is null and count(*) = least(p_page_size, 5000)
            then (array_agg(private.cursor_of(c.starts_at, c.id) order by c.n desc))[1] end)
    from candidates c
$$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.export_page(jsonb, uuid[], text, text, integer) from public, anon, service_role;
grant execute on function private.filters_of(jsonb), private.utc_text(timestamptz),
    private.local_text(timestamptz, text), private.export_candidates(jsonb, uuid[], text, integer) to authenticated;
grant execute on function public.export_page(jsonb, uuid[], text, text, integer) to authenticated;
comment on function public.export_page(jsonb, uuid[], text, text, integer) is
    '{"rows": [[text | null, …]], "cursor": of the next page, null: that was all}. p_filters: those of search_bookings '
    'without p_; p_booking_ids: these instead; p_time_zone: of the local times (null: the host''s).';
