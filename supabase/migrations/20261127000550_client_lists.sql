-- A client's messages and notes across their bookings, for the page that staff see of them: of the bookings that the
-- caller holds, as private.client_page has them. (Under row-level security a host's whole list would be read each time.)

-- The rows of a person, by address, or by the number of who has none, in bookings that the caller holds.
create function private.held_attendances(p_client text) returns table (attendee_id uuid, booking_id uuid)
    language plpgsql stable security definer set search_path = '' as $$
declare
    v_client constant text := lower(btrim(p_client));
    v_is_admin constant boolean := private.is_admin();
    v_me constant text := private.my_email();
begin
    if not private.is_staff() then
        raise exception 'only staff may do this' using errcode = 'PT403';
    end if;
    return query
    select a.id, a.booking_id
    from (select x.id, x.booking_id from public.booking_attendees x where x.email = v_client
          union all
          select x.id, x.booking_id from public.booking_attendees x where x.phone = v_client and x.email is null) a
    where v_is_admin or exists (
        select 1 from private.booking_hosts h where h.booking_id = a.booking_id and h.email = v_me);
end $$;

create function private.client_messages(p_client text, p_page_cursor text, p_page_size integer)
    returns table (
        id uuid, booking_id uuid, title text, booking_starts_at timestamptz, booking_status text, channel text, kind text,
        recipient text, lead_minutes integer, status text, reason text, says text, at timestamptz, time_zone text,
        "cursor" text)
    language plpgsql stable security definer set search_path = '' as $$
declare
    v_after constant record := private.read_cursor(p_page_cursor);
begin
    return query
    select (m.message).id, b.id, coalesce(b.title, b.event_type_title), b.starts_at, b.status, (m.message).channel,
        (m.message).kind, (m.message).recipient, (m.message).lead_minutes, (m.message).status, (m.message).reason,
        private.says(m.message), m.at, (m.message).time_zone, private.cursor_of(m.at, (m.message).id)
    from (
        select n as message, coalesce(n.sent_at, n.due_at) as at
        from private.held_attendances(p_client) a
        join public.notifications n on n.attendee_id = a.attendee_id
        where p_page_cursor is null or (coalesce(n.sent_at, n.due_at), n.id) < (v_after.starts_at, v_after.id)
        order by coalesce(n.sent_at, n.due_at) desc, n.id desc
        limit least(greatest(coalesce(p_page_size, 20), 1), 200)) m
    join public.bookings b on b.id = (m.message).booking_id
    order by m.at desc, (m.message).id desc;
end $$;

create function private.client_notes(p_client text, p_page_cursor text, p_page_size integer)
    returns table (
        id uuid, booking_id uuid, title text, booking_starts_at timestamptz, author_name text, visibility text, body text,
        created_at timestamptz, "cursor" text)
    language plpgsql stable security definer set search_path = '' as $$
declare
    v_after constant record := private.read_cursor(p_page_cursor);
begin
    return query
    select n.id, b.id, coalesce(b.title, b.event_type_title), b.starts_at, n.author_name, n.visibility, n.body,
        n.created_at, private.cursor_of(n.created_at, n.id)
    from private.held_attendances(p_client) a
    join public.booking_notes n on n.booking_id = a.booking_id
    join public.bookings b on b.id = n.booking_id
    where p_page_cursor is null or (n.created_at, n.id) < (v_after.starts_at, v_after.id)
    order by n.created_at desc, n.id desc
    limit least(greatest(coalesce(p_page_size, 20), 1), 200);
end $$;

create function public.client_messages(p_client text, p_page_cursor text default null, p_page_size integer default 20)
    returns table (
        id uuid, booking_id uuid, title text, booking_starts_at timestamptz, booking_status text, channel text, kind text,
        recipient text, lead_minutes integer, status text, reason text, says text, at timestamptz, time_zone text,
        "cursor" text)
    language sql stable security invoker set search_path = ''
    as $$ select * from private.client_messages(p_client, p_page_cursor, p_page_size) $$;
create function public.client_notes(p_client text, p_page_cursor text default null, p_page_size integer default 20)
    returns table (
        id uuid, booking_id uuid, title text, booking_starts_at timestamptz, author_name text, visibility text, body text,
        created_at timestamptz, "cursor" text)
    language sql stable security invoker set search_path = ''
    as $$ select * from private.client_notes(p_client, p_page_cursor, p_page_size) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.client_messages(text, text, integer), public.client_notes(text, text, integer)
    from public, anon, service_role;
grant execute on function private.client_messages(text, text, integer), private.client_notes(text, text, integer),
    public.client_messages(text, text, integer), public.client_notes(text, text, integer) to authenticated;
comment on function public.client_messages(text, text, integer) is
    'Staff: all that was or will be sent to a client about bookings that the caller holds, newest first. p_client: address, '
    'or number of who has none; the next page begins after p_page_cursor.';
comment on function public.client_notes(text, text, integer) is
    'Staff: the notes on a client''s bookings that the caller holds, newest first; arguments as client_messages.';
