-- Who asks for a link to be mailed is not signed in. What is counted is known by keyed hashes, for an hour.

create table private.link_requests (
    id uuid primary key default gen_random_uuid(),
    ip_hash text not null,
    address_hash text,
    asked_at timestamptz not null default now(),
    constraint link_requests_hashes check (ip_hash ~ '^[0-9a-f]{64}$' and address_hash ~ '^[0-9a-f]{64}$')
);
create index link_requests_ip on private.link_requests (ip_hash, asked_at);
create index link_requests_address on private.link_requests (address_hash, asked_at);
create index link_requests_asked on private.link_requests (asked_at);

-- Whether a link may be mailed now. What is asked, and in which order, is the same whether the address is known or not.
create function private.note_link_request(p_email text, p_address_hash text, p_ip_hash text) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_email constant text := lower(btrim(p_email));
    v_again boolean;
    v_asked integer;
    v_id uuid;
begin
    perform pg_advisory_xact_lock(hashtextextended('link_ip:' || p_ip_hash, 0));
    perform pg_advisory_xact_lock(hashtextextended('link_address:' || p_address_hash, 0));
    delete from private.link_requests r where r.asked_at < now() - interval '1 hour';
    if (select count(*) from private.link_requests r where r.ip_hash = p_ip_hash) >= 20 then
        return private.refuse('rate_limited');
    end if;
    select count(*), coalesce(max(r.asked_at) > now() - interval '10 seconds', false) into v_asked, v_again
    from private.link_requests r where r.address_hash = p_address_hash;
    -- A double click counts for the one who clicks, not for the address.
    insert into private.link_requests (ip_hash, address_hash)
    values (p_ip_hash, case when not v_again and v_asked < 3 then p_address_hash end) returning id into v_id;
    return jsonb_build_object(
        'id', v_id,
        'mail', not v_again and v_asked < 3
            and exists (select 1 from public.booking_attendees a where a.email = v_email)
            and not exists (select 1 from public.suppressions s where s.channel = 'email' and s.address = v_email),
        'locale', coalesce(
            (select p.locale from public.notification_preferences p where p.email = v_email),
            (select a.locale from public.booking_attendees a join public.bookings b on b.id = a.booking_id
             where a.email = v_email and a.locale is not null order by b.starts_at desc limit 1)));
end $$;

create function public.note_link_request(p_email text, p_address_hash text, p_ip_hash text) returns jsonb
    language sql security invoker set search_path = ''
    as $$ select private.note_link_request(p_email, p_address_hash, p_ip_hash) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.note_link_request(text, text, text) from public, anon, authenticated;
grant execute on function private.note_link_request(text, text, text), public.note_link_request(text, text, text)
    to service_role;
comment on table private.link_requests is 'Requests for a link within the last hour, by HMAC of network address and e-mail address.';
comment on column private.link_requests.address_hash is 'Null: asked again at once, or too often; counts for the network address only.';
comment on function public.note_link_request(text, text, text) is
    'Counts a request for a link (3 an hour per address, 20 per network address). → {"id", "mail", "locale"} or {"refused"}';
