-- Calendar subscriptions: made, replaced and revoked by their owner, read with a token that only the owner has.

alter table private.feed_tokens add column window_began_at timestamptz not null default now();
alter table private.feed_tokens add column reads integer not null default 0;

-- What may be asked of a list, as JSON; other words are refused.
create function private.filters_of(p_filters jsonb) returns private.booking_filters
    language plpgsql stable set search_path = '' as $$
begin
    if jsonb_typeof(coalesce(p_filters, '{}')) <> 'object' or exists (
        select 1 from jsonb_object_keys(coalesce(p_filters, '{}')) k (key) where k.key <> all (
            '{q,status,client,host,event_type_id,starts_from,starts_to,period}')) then
        raise exception 'unknown filter' using errcode = '22023';
    end if;
    return private.checked_filters(jsonb_populate_record(null::private.booking_filters, jsonb_strip_nulls(coalesce(p_filters, '{}'))));
end $$;

-- One feed a person and filter set: making it again replaces its token.
create function private.make_feed(p_token_hash text, p_filters jsonb) returns void
    language plpgsql security definer set search_path = '' as $$
declare
    v_filters constant jsonb := jsonb_strip_nulls(coalesce(p_filters, '{}'));
begin
    perform private.filters_of(v_filters);
    if private.my_email() is null or v_filters <> '{}' and not private.is_staff() then
        raise exception 'filters are for staff' using errcode = 'PT403';
    end if;
    insert into private.feed_tokens as f (token_hash, user_id, filters) values (p_token_hash, auth.uid(), v_filters)
    on conflict (user_id, filters) do update
    set token_hash = excluded.token_hash, created_at = now(), read_at = null, window_began_at = now(), reads = 0;
end $$;

-- Revokes the feed with these filters; null: all of mine. → how many
create function private.revoke_feed(p_filters jsonb) returns integer
    language sql security definer set search_path = '' as $$
    with gone as (
        delete from private.feed_tokens f
        where f.user_id = auth.uid() and (p_filters is null or f.filters = jsonb_strip_nulls(p_filters)) returning 1)
    select count(*)::integer from gone
$$;

-- As before, with room for all bookings, and for so many reads in ten minutes.
create or replace function private.calendar_feed(p_token_hash text) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    c_reads constant integer := 60;
    v_token private.feed_tokens;
    v_filters private.booking_filters;
    v_bookings jsonb;
begin
    update private.feed_tokens t
    set read_at = now(), reads = case when t.window_began_at < now() - interval '10 minutes' then 1 else t.reads + 1 end,
        window_began_at = case when t.window_began_at < now() - interval '10 minutes' then now() else t.window_began_at end
    where t.token_hash = p_token_hash
    returning * into v_token;
    perform set_config('request.jwt.claim.sub', v_token.user_id::text, true);
    if v_token.user_id is null or private.my_email() is null then
        return null;
    end if;
    if v_token.reads > c_reads then
        return jsonb_build_object('retry_after', ceil(extract(epoch from v_token.window_began_at + interval '10 minutes' - now())));
    end if;
    v_filters := private.checked_filters(jsonb_populate_record(null::private.booking_filters, v_token.filters));
    v_filters.starts_from := greatest(v_filters.starts_from, now() - interval '30 days');
    v_filters.page_cursor := null;
    v_filters.page_size := 100000;
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', c.id, 'ical_uid', b.ical_uid, 'status', c.status, 'title', c.title, 'starts_at', c.starts_at,
        'ends_at', c.ends_at) || case when c.removed then private.last_heard(c.id) else jsonb_build_object(
            'revision', b.revision, 'updated_at', b.updated_at, 'description', b.description, 'location', b.location,
            'meeting_url', b.meeting_url, 'host_name', b.host_name, 'host_email', b.host_email) end
        order by c.starts_at, c.id), '[]')
    into v_bookings
    from private.find_bookings(v_filters) c join public.bookings b on b.id = c.id;
    return jsonb_build_object('owner', private.my_email(), 'bookings', v_bookings);
end $$;

create function public.make_feed(p_token_hash text, p_filters jsonb default '{}') returns void
    language sql security invoker set search_path = '' as $$ select private.make_feed(p_token_hash, p_filters) $$;
create function public.revoke_feed(p_filters jsonb default null) returns integer
    language sql security invoker set search_path = '' as $$ select private.revoke_feed(p_filters) $$;

revoke execute on function private.filters_of(jsonb), private.make_feed(text, jsonb), private.revoke_feed(jsonb)
    from public, anon;
revoke execute on function public.make_feed(text, jsonb), public.revoke_feed(jsonb) from public, anon, service_role;
grant execute on function private.make_feed(text, jsonb), private.revoke_feed(jsonb) to authenticated;
grant execute on function public.make_feed(text, jsonb), public.revoke_feed(jsonb) to authenticated;
comment on column private.feed_tokens.reads is 'How often it was read since window_began_at.';
comment on function public.make_feed(text, jsonb) is
    'Makes or replaces the caller''s calendar feed: SHA-256 of its token, and filters (staff only).';
comment on function public.calendar_feed(text) is
    '{"owner", "bookings": [{"id", "ical_uid", "revision", "status", "title", "starts_at", "ends_at", "updated_at", …}]}, '
    'from 30 days ago on; {"retry_after": seconds}: read too often; null: no such feed (any more).';
