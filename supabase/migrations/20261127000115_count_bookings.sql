-- How many bookings a list has, and which: before all of them are selected.

-- Of all that the list shows, counted to an end.
create function private.count_bookings(p_filters jsonb) returns jsonb
    language plpgsql stable security definer set search_path = '' as $$
declare
    c_most constant integer := 10000;
    f private.booking_filters := private.filters_of(p_filters - '{page_cursor,page_size}'::text[]);
    v_count bigint;
begin
    f.page_size := c_most + 1;
    if not private.is_staff() then
        select count(*) into v_count from private.find_attended(f);
    else
        v_count := private.count_held(f) + (select count(*) from private.find_attended(f) a where not private.holds(a.id));
    end if;
    return jsonb_build_object('count', least(v_count, c_most), 'more', v_count > c_most);
end $$;

-- What staff hold of it, in its order: what they attend themselves is nothing to be run in bulk.
create function private.matching_bookings(p_filters jsonb, p_limit integer) returns jsonb
    language plpgsql stable security definer set search_path = '' as $$
declare
    v_limit constant integer := least(greatest(coalesce(p_limit, 5000), 1), 5000);
    f private.booking_filters := private.filters_of(p_filters - '{page_cursor,page_size}'::text[]);
    v_ids uuid[];
begin
    if not private.is_staff() then
        raise exception 'only staff may do this' using errcode = 'PT403';
    end if;
    f.page_size := v_limit + 1;
    v_ids := array(select x.id from private.find_held(f) with ordinality x (id, starts_at, ends_at, title, status, removed, n)
                   order by x.n);
    return jsonb_build_object('ids', v_ids[:v_limit], 'more', cardinality(v_ids) > v_limit);
end $$;

create function public.count_bookings(p_filters jsonb default '{}') returns jsonb
    language sql stable security invoker set search_path = '' as $$ select private.count_bookings(p_filters) $$;
create function public.matching_bookings(p_filters jsonb, p_limit integer default 5000) returns jsonb
    language sql stable security invoker set search_path = '' as $$ select private.matching_bookings(p_filters, p_limit) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.count_bookings(jsonb), public.matching_bookings(jsonb, integer)
    from public, anon, service_role;
grant execute on function private.count_bookings(jsonb), private.matching_bookings(jsonb, integer) to authenticated;
grant execute on function public.count_bookings(jsonb), public.matching_bookings(jsonb, integer) to authenticated;
comment on function public.count_bookings(jsonb) is
    '{"count", "more"}: how many find_bookings has in all its pages; counted to 10,000, "more" if there are more.';
comment on function public.matching_bookings(jsonb, integer) is
    'Staff: {"ids": [uuid], "more"}, the bookings they hold that find_bookings has, in its order; 5,000 at most.';
