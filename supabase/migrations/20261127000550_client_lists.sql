-- A client's messages and notes across all their bookings, for the page that staff see of them. Whose they are goes by
-- address or number; which of their bookings the caller sees is left to row-level security.

create function public.client_messages(p_client text, p_page_cursor text default null, p_page_size integer default 20)
    returns table (
        id uuid, booking_id uuid, title text, booking_starts_at timestamptz, booking_status text, channel text, kind text,
        recipient text, lead_minutes integer, status text, reason text, says text, at timestamptz, time_zone text,
        "cursor" text)
    language plpgsql stable security invoker set search_path = '' as $$
declare
    v_client constant text := lower(btrim(p_client));
    v_after constant record := private.read_cursor(p_page_cursor);
begin
    if not private.is_staff() then
        raise exception 'only staff may do this' using errcode = 'PT403';
    end if;
    return query
    select m.id, m.booking_id, coalesce(b.title, b.event_type_title), b.starts_at, b.status, m.channel, m.kind,
        m.recipient, m.lead_minutes, m.status, m.reason, private.says(n), m.at, m.time_zone,
        private.cursor_of(m.at, m.id)
    from (
        select x.*, coalesce(x.sent_at, x.due_at) as at
        from public.booking_attendees a join public.notifications x on x.attendee_id = a.id
        where (a.email = v_client or a.phone = v_client and a.email is null)
          and (p_page_cursor is null or (coalesce(x.sent_at, x.due_at), x.id) < (v_after.starts_at, v_after.id))
        order by coalesce(x.sent_at, x.due_at) desc, x.id desc
        limit least(greatest(p_page_size, 1), 200)) m
    join public.notifications n on n.id = m.id
    join public.bookings b on b.id = m.booking_id
    order by m.at desc, m.id desc;
end $$;

create function public.client_notes(p_client text, p_page_cursor text default null, p_page_size integer default 20)
    returns table (
        id uuid, booking_id uuid, title text, booking_starts_at timestamptz, author_name text, visibility text, body text,
        created_at timestamptz, "cursor" text)
    language plpgsql stable security invoker set search_path = '' as $$
declare
    v_client constant text := lower(btrim(p_client));
    v_after constant record := private.read_cursor(p_page_cursor);
begin
    if not private.is_staff() then
        raise exception 'only staff may do this' using errcode = 'PT403';
    end if;
    return query
    select n.id, n.booking_id, coalesce(b.title, b.event_type_title), b.starts_at, n.author_name, n.visibility, n.body,
        n.created_at, private.cursor_of(n.created_at, n.id)
    from public.booking_attendees a
    join public.booking_notes n on n.booking_id = a.booking_id
    join public.bookings b on b.id = n.booking_id
    where (a.email = v_client or a.phone = v_client and a.email is null)
      and (p_page_cursor is null or (n.created_at, n.id) < (v_after.starts_at, v_after.id))
    order by n.created_at desc, n.id desc
    limit least(greatest(p_page_size, 1), 200);
end $$;

revoke execute on function public.client_messages(text, text, integer), public.client_notes(text, text, integer)
    from public, anon, service_role;
grant execute on function public.client_messages(text, text, integer), public.client_notes(text, text, integer),
    private.read_cursor(text) to authenticated;
comment on function public.client_messages(text, text, integer) is
    'Staff: all that was or will be sent to a client about bookings that the caller sees, newest first. p_client: address '
    'or number; the next page begins after p_page_cursor.';
comment on function public.client_notes(text, text, integer) is
    'Staff: the notes on a client''s bookings that the caller sees, newest first; arguments as client_messages.';
