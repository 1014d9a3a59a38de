-- Bodies that were kept, for a replay.

-- Oldest first: those that are named, or all since an instant (those of that instant whose id is above p_after). At most
-- p_limit, and no more than 8 MB of bodies beside the first. An id that names nothing comes first, without anything.
-- → {"events": [{"id", "received_at", "body"}], "rest": the other ids, of those that were named, "remaining": how many more}
create function private.kept_events(p_event_ids uuid[], p_since timestamptz, p_after uuid, p_limit integer) returns jsonb
    language plpgsql stable security definer set search_path = '' set timezone = 'UTC' as $$
declare
    v_after constant uuid := coalesce(p_after, '00000000-0000-0000-0000-000000000000');
    v_ids uuid[];
    v_count bigint;
    v_events jsonb;
    v_given integer;
begin
    if p_event_ids is not null then
        v_ids := array(
            select i.id from (select distinct x.id from unnest(p_event_ids) x (id)) i
            left join public.webhook_events w on w.id = i.id
            order by w.received_at nulls first, i.id);
        v_count := cardinality(v_ids);
    else
        v_ids := array(
            select w.id from public.webhook_events w
            where w.received_at >= p_since and (w.received_at, w.id) > (p_since, v_after)
            order by w.received_at, w.id limit p_limit);
        select count(*) into v_count from public.webhook_events w
        where w.received_at >= p_since and (w.received_at, w.id) > (p_since, v_after);
    end if;
    select coalesce(jsonb_agg(jsonb_build_object('id', x.id, 'received_at', x.received_at, 'body', x.body) order by x.n), '[]'),
        count(*)
    into v_events, v_given
    from (
        select i.id, i.n, w.received_at, w.body, sum(octet_length(w.body::text)) over (order by i.n) as bytes
        from unnest(v_ids[:p_limit]) with ordinality i (id, n)
        left join public.webhook_events w on w.id = i.id) x
    where x.n = 1 or coalesce(x.bytes, 0) <= 8 * 1024 * 1024;
    return jsonb_build_object('events', v_events, 'remaining', v_count - v_given,
        'rest', case when p_event_ids is null then '[]' else to_jsonb(v_ids[v_given + 1:]) end);
end $$;

create function public.kept_events(p_event_ids uuid[], p_since timestamptz, p_after uuid, p_limit integer) returns jsonb
    language sql stable security invoker set search_path = ''
    as $$ select private.kept_events(p_event_ids, p_since, p_after, p_limit) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.kept_events(uuid[], timestamptz, uuid, integer) from public, anon, authenticated;
grant execute on function private.kept_events(uuid[], timestamptz, uuid, integer),
    public.kept_events(uuid[], timestamptz, uuid, integer) to service_role;
comment on function public.kept_events(uuid[], timestamptz, uuid, integer) is
    'Bodies to be read again, oldest first. → {"events": [{"id", "received_at", "body"}], "rest": [id], "remaining": n}';
