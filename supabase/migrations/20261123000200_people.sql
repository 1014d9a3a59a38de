-- Who works here, and who is asking.

create table public.staff (
    user_id uuid primary key references auth.users (id) on delete cascade,
    role text not null,
    created_at timestamptz not null default now(),
    constraint staff_role check (role in ('admin', 'host'))
);
alter table public.staff enable row level security;

-- The signed-in person's address, lower-case: only if confirmed, and read from the account, never from the token.
create function private.my_email() returns text
    language sql stable security definer set search_path = '' as $$
    select lower(u.email::text)
    from auth.users u
    where u.id = (select auth.uid()) and u.email_confirmed_at is not null and u.deleted_at is null
      and (u.banned_until is null or u.banned_until <= now())
$$;

-- Staff are believed as long as their account is: confirmed, not banned, not deleted.
create function private.is_admin() returns boolean
    language sql stable security definer set search_path = '' as $$
    select exists (select 1 from public.staff s
                   where s.user_id = (select auth.uid()) and s.role = 'admin' and private.my_email() is not null)
$$;

create function private.is_staff() returns boolean
    language sql stable security definer set search_path = '' as $$
    select exists (select 1 from public.staff s
                   where s.user_id = (select auth.uid()) and private.my_email() is not null)
$$;

-- True for the address of a confirmed account that belongs to the team.
create function private.is_staff_address(p_email text) returns boolean
    language sql stable security definer set search_path = '' as $$
    select exists (
        select 1 from public.staff s join auth.users u on u.id = s.user_id
        where u.email = p_email and u.email_confirmed_at is not null)
$$;

create policy "Staff see themselves, admins see all staff" on public.staff
    for select to authenticated
    using (user_id = (select auth.uid()) or (select private.is_admin()));

grant select on public.staff to authenticated, service_role;
grant execute on function private.my_email(), private.is_admin(), private.is_staff() to authenticated, service_role;

comment on table public.staff is 'The team. Written by no one through the API: ops makes the first admin, in SQL.';
comment on column public.staff.role is 'admin sees everything; host sees the bookings that they hold.';
