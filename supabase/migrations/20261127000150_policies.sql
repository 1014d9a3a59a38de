-- A list reads twenty rows, so who sees them is looked up for those: the set of what a host of 50,000 bookings holds took
-- hundreds of milliseconds. What is asked many times a query, or for each row, is plpgsql, whose plan is kept.

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

create or replace function private.hosted_booking_ids() returns setof uuid
    language plpgsql stable security definer set search_path = '' as $$
begin
    return query select h.booking_id from private.booking_hosts h
    where h.email = (select private.my_email()) and (select private.is_staff());
end $$;

create or replace function private.attended_booking_ids() returns setof uuid
    language plpgsql stable security definer set search_path = '' as $$
begin
    return query select a.booking_id from public.booking_attendees a
    where a.email = (select private.my_email()) and a.removed_at is null;
end $$;

create or replace function private.booked_booking_ids() returns setof uuid
    language plpgsql stable security definer set search_path = '' as $$
begin
    return query select a.booking_id from public.booking_attendees a
    where a.email = (select private.my_email()) and a.role = 'booker' and a.removed_at is null;
end $$;

create or replace function private.my_attendee_ids() returns setof uuid
    language plpgsql stable security definer set search_path = '' as $$
begin
    return query select a.id from public.booking_attendees a where a.email = (select private.my_email());
end $$;

-- Whether a booking of this client is theirs to run.
create function private.holds_one_of(p_email text) returns boolean
    language plpgsql stable security definer set search_path = '' as $$
begin
    return private.is_staff() and exists (
        select 1 from public.booking_attendees a join private.booking_hosts h on h.booking_id = a.booking_id
        where a.email = p_email and h.email = private.my_email());
end $$;

-- One's own rows of it, for the policies below: plain SQL, so that each query looks up the few bookings that it reads, or
-- makes the whole set once, whichever costs less.
alter table private.booking_hosts enable row level security;
create policy "Hosts see what they hold" on private.booking_hosts
    for select to authenticated
    using (email = (select private.my_email()) and (select private.is_staff()));
grant select (booking_id, email) on private.booking_hosts to authenticated;

alter policy "Clients see what they attend, hosts what they hold, admins all" on public.bookings
    using ((select private.is_admin())
        or id in (select private.attended_booking_ids())
        or exists (select 1 from private.booking_hosts h where h.booking_id = bookings.id));

alter policy "One sees one's own row, who booked sees all, staff see theirs" on public.booking_attendees
    using ((select private.is_admin())
        or email = (select private.my_email())
        or booking_id in (select private.booked_booking_ids())
        or exists (select 1 from private.booking_hosts h where h.booking_id = booking_attendees.booking_id));

alter policy "Who sees a booking sees the part of its story meant for them" on public.booking_events
    using ((select private.is_admin())
        or (audience = 'everyone' and booking_id in (select private.attended_booking_ids()))
        or (audience = 'attendee' and booking_id in (select private.attended_booking_ids())
            and (attendee_id in (select private.my_attendee_ids())
                 or booking_id in (select private.booked_booking_ids())))
        or exists (select 1 from private.booking_hosts h where h.booking_id = booking_events.booking_id));

alter policy "Who sees a booking reads its shared notes, staff all notes" on public.booking_notes
    using ((select private.is_admin())
        or (visibility = 'shared' and booking_id in (select private.attended_booking_ids()))
        or exists (select 1 from private.booking_hosts h where h.booking_id = booking_notes.booking_id));

alter policy "One writes as oneself; in seated bookings only staff share" on public.booking_notes
    with check (author_id = (select auth.uid())
        and ((select private.is_admin())
             or exists (select 1 from private.booking_hosts h where h.booking_id = booking_notes.booking_id)
             or (visibility = 'shared'
                 and booking_id in (select a.booking_id from public.booking_attendees a
                                    where a.email = (select private.my_email())
                                      and a.role <> 'seat' and a.removed_at is null))));

alter policy "One sees one's own messages, staff those of their bookings" on public.notifications
    using ((select private.is_admin())
        or attendee_id in (select private.my_attendee_ids())
        or exists (select 1 from private.booking_hosts h where h.booking_id = notifications.booking_id));

alter policy "One reads one's own preferences, staff those of their clients" on public.notification_preferences
    using ((select private.is_admin())
        or email = (select private.my_email())
        or (select private.is_staff()) and private.holds_one_of(email));

revoke execute on all functions in schema private from public, anon;
grant execute on function private.holds_one_of(text) to authenticated;
