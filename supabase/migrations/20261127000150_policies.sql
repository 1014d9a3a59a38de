-- Who holds many bookings is asked for each row that is read; for all others the set of theirs is made once. (A list reads
-- twenty rows, and the set of a host with 50,000 takes hundreds of milliseconds; a client who reads the whole table is
-- better served by a set of twenty.) What is asked for each row, or many times a query, is plpgsql, whose plan is kept.

create or replace function private.my_email() returns text
    language plpgsql stable security definer set search_path = '' as $$
begin
    return (
        select lower(u.email::text)
        from auth.users u
        where u.id = (select auth.uid()) and u.email_confirmed_at is not null and u.deleted_at is null
          and (u.banned_until is null or u.banned_until <= now()));
end $$;

create or replace function private.is_admin() returns boolean
    language plpgsql stable security definer set search_path = '' as $$
begin
    return exists (select 1 from public.staff s
                   where s.user_id = (select auth.uid()) and s.role = 'admin' and private.my_email() is not null);
end $$;

create or replace function private.is_staff() returns boolean
    language plpgsql stable security definer set search_path = '' as $$
begin
    return exists (select 1 from public.staff s
                   where s.user_id = (select auth.uid()) and private.my_email() is not null);
end $$;

create or replace function private.holds(p_booking_id uuid) returns boolean
    language plpgsql stable security definer set search_path = '' as $$
begin
    return private.is_admin() or private.is_staff() and exists (
        select 1 from private.booking_hosts h where h.booking_id = p_booking_id and h.email = private.my_email());
end $$;

-- Whether the address of the signed-in person is among the booking's hosts. (Asked for each row, and of staff alone.)
create function private.hosts(p_booking_id uuid) returns boolean
    language plpgsql stable security definer set search_path = '' as $$
begin
    return exists (
        select 1 from private.booking_hosts h where h.booking_id = p_booking_id and h.email = private.my_email());
end $$;

-- Whether the signed-in person is a host with more than 1,000 bookings.
create function private.holds_many() returns boolean
    language plpgsql stable security definer set search_path = '' as $$
begin
    return private.is_staff() and exists (
        select 1 from private.booking_hosts h where h.email = private.my_email() offset 1000 limit 1);
end $$;

-- Whether a booking of this client is theirs to run.
create function private.holds_one_of(p_email text) returns boolean
    language plpgsql stable security definer set search_path = '' as $$
begin
    return private.is_staff() and exists (
        select 1 from public.booking_attendees a join private.booking_hosts h on h.booking_id = a.booking_id
        where a.email = p_email and h.email = private.my_email());
end $$;

alter policy "Clients see what they attend, hosts what they hold, admins all" on public.bookings
    using ((select private.is_admin())
        or id in (select private.attended_booking_ids())
        or case when (select private.holds_many()) then private.hosts(id)
                else id in (select private.hosted_booking_ids()) end);

alter policy "One sees one's own row, who booked sees all, staff see theirs" on public.booking_attendees
    using ((select private.is_admin())
        or email = (select private.my_email())
        or booking_id in (select private.booked_booking_ids())
        or case when (select private.holds_many()) then private.hosts(booking_id)
                else booking_id in (select private.hosted_booking_ids()) end);

alter policy "Who sees a booking sees the part of its story meant for them" on public.booking_events
    using ((select private.is_admin())
        or (audience = 'everyone' and booking_id in (select private.attended_booking_ids()))
        or (audience = 'attendee' and booking_id in (select private.attended_booking_ids())
            and (attendee_id in (select private.my_attendee_ids())
                 or booking_id in (select private.booked_booking_ids())))
        or case when (select private.holds_many()) then private.hosts(booking_id)
                else booking_id in (select private.hosted_booking_ids()) end);

alter policy "Who sees a booking reads its shared notes, staff all notes" on public.booking_notes
    using ((select private.is_admin())
        or (visibility = 'shared' and booking_id in (select private.attended_booking_ids()))
        or case when (select private.holds_many()) then private.hosts(booking_id)
                else booking_id in (select private.hosted_booking_ids()) end);

alter policy "One writes as oneself; in seated bookings only staff share" on public.booking_notes
    with check (author_id = (select auth.uid())
        and (private.holds(booking_id)
             or (visibility = 'shared'
                 and booking_id in (select a.booking_id from public.booking_attendees a
                                    where a.email = (select private.my_email())
                                      and a.role <> 'seat' and a.removed_at is null))));

alter policy "One sees one's own messages, staff those of their bookings" on public.notifications
    using ((select private.is_admin())
        or attendee_id in (select private.my_attendee_ids())
        or case when (select private.holds_many()) then private.hosts(booking_id)
                else booking_id in (select private.hosted_booking_ids()) end);

alter policy "One reads one's own preferences, staff those of their clients" on public.notification_preferences
    using ((select private.is_admin())
        or email = (select private.my_email())
        or (select private.is_staff()) and private.holds_one_of(email));

revoke execute on all functions in schema private from public, anon;
grant execute on function private.holds(uuid), private.hosts(uuid), private.holds_many(), private.holds_one_of(text) to authenticated;
