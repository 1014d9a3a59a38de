-- Bookings, the people in them, and their story.

create table public.bookings (
    id uuid primary key default gen_random_uuid(),
    ical_uid text not null,
    revision integer not null default 0,
    status text not null,
    reschedule_requested boolean not null default false,
    title text,
    description text,
    event_type_id bigint,
    event_type_slug text,
    event_type_title text,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    location text,
    meeting_url text,
    host_name text,
    host_email text,
    host_time_zone text,
    seats integer,
    series_id uuid,
    cancellation_reason text,
    cancelled_by text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint bookings_status check (status in ('pending', 'awaiting_payment', 'confirmed', 'cancelled', 'rejected')),
    constraint bookings_new_time_is_asked_after_cancelling check (not reschedule_requested or status = 'cancelled'),
    constraint bookings_reason_needs_an_end
        check (status in ('cancelled', 'rejected') or (cancellation_reason is null and cancelled_by is null)),
    constraint bookings_cancelled_by check (cancelled_by in ('client', 'staff', 'calcom', 'system')),
    constraint bookings_times check (ends_at >= starts_at),
    constraint bookings_revision check (revision >= 0),
    constraint bookings_seats check (seats > 0)
);
create index bookings_starts_at on public.bookings (starts_at, id);
create index bookings_status_starts_at on public.bookings (status, starts_at);
create index bookings_event_type on public.bookings (event_type_id, starts_at);
create index bookings_series on public.bookings (series_id) where series_id is not null;
alter table public.bookings enable row level security;

create table public.booking_attendees (
    id uuid primary key default gen_random_uuid(),
    booking_id uuid not null references public.bookings (id) on delete cascade,
    email text,
    name text,
    phone text,
    time_zone text,
    locale text,
    role text not null,
    absent boolean not null default false,
    responses jsonb,
    removed_at timestamptz,
    constraint booking_attendees_email check (email = lower(email) and email ~ '^[^@\s]+@[^@\s]+$'),
    constraint booking_attendees_reachable check (email is not null or phone is not null),
    constraint booking_attendees_role check (role in ('booker', 'guest', 'seat'))
);
create unique index booking_attendees_person on public.booking_attendees (booking_id, coalesce(email, phone));
create index booking_attendees_email on public.booking_attendees (email, booking_id);
alter table public.booking_attendees enable row level security;

create table public.booking_events (
    id bigint generated always as identity primary key,
    booking_id uuid not null references public.bookings (id),
    kind text not null,
    actor_kind text not null,
    actor text,
    source text not null,
    audience text not null default 'everyone',
    attendee_id uuid references public.booking_attendees (id),
    batch_id uuid,
    reason text,
    changes jsonb not null default '{}',
    occurred_at timestamptz not null,
    recorded_at timestamptz not null default now(),
    constraint booking_events_kind check (kind in (
        'created', 'requested', 'confirmed', 'awaiting_payment', 'paid', 'moved', 'cancelled', 'rejected',
        'reschedule_requested', 'place_changed', 'host_changed', 'attendee_added', 'attendee_removed', 'no_show',
        'started', 'ended', 'note_added', 'details_changed', 'merged')),
    constraint booking_events_actor_kind check (actor_kind in ('calcom', 'client', 'staff', 'system')),
    constraint booking_events_source check (source in ('webhook', 'action', 'reconcile', 'replay')),
    constraint booking_events_audience check (audience in ('everyone', 'attendee', 'staff')),
    constraint booking_events_names_the_attendee check (audience <> 'attendee' or attendee_id is not null)
);
create index booking_events_booking on public.booking_events (booking_id, recorded_at);
create index booking_events_attendee on public.booking_events (attendee_id) where attendee_id is not null;
alter table public.booking_events enable row level security;

create table public.booking_notes (
    id uuid primary key default gen_random_uuid(),
    booking_id uuid not null references public.bookings (id),
    author_id uuid default auth.uid() references auth.users (id) on delete set null,
    author_name text,
    visibility text not null default 'shared',
    body text not null,
    created_at timestamptz not null default now(),
    constraint booking_notes_visibility check (visibility in ('shared', 'staff')),
    constraint booking_notes_body check (length(body) between 1 and 5000)
);
create index booking_notes_booking on public.booking_notes (booking_id, created_at);
create index booking_notes_author on public.booking_notes (author_id);
alter table public.booking_notes enable row level security;

-- Who holds a booking, whatever clients may see of the host.
create table private.booking_hosts (
    booking_id uuid not null references public.bookings (id) on delete cascade,
    email text not null,
    primary key (booking_id, email)
);
create index booking_hosts_email on private.booking_hosts (email, booking_id);

-- Ids of bookings that turned out to be another one: mailed links still open.
create table private.booking_aliases (
    id uuid primary key,
    booking_id uuid not null references public.bookings (id) on delete cascade
);
create index booking_aliases_booking on private.booking_aliases (booking_id);

-- Helpers of the policies. Definer, because policies that read each other's tables recurse.
create function private.hosted_booking_ids() returns setof uuid
    language sql stable security definer set search_path = '' as $$
    select h.booking_id from private.booking_hosts h
    where h.email = (select private.my_email()) and (select private.is_staff())
$$;

create function private.attended_booking_ids() returns setof uuid
    language sql stable security definer set search_path = '' as $$
    select a.booking_id from public.booking_attendees a
    where a.email = (select private.my_email()) and a.removed_at is null
$$;

-- The bookings of the signed-in person, as client or host. Admins see all without it.
create function private.my_booking_ids() returns setof uuid
    language sql stable security definer set search_path = '' as $$
    select private.attended_booking_ids() union select private.hosted_booking_ids()
$$;

-- The unseated bookings that the signed-in person made: they see everybody in them.
create function private.booked_booking_ids() returns setof uuid
    language sql stable security definer set search_path = '' as $$
    select a.booking_id from public.booking_attendees a
    where a.email = (select private.my_email()) and a.role = 'booker' and a.removed_at is null
$$;

create function private.my_attendee_ids() returns setof uuid
    language sql stable security definer set search_path = '' as $$
    select a.id from public.booking_attendees a where a.email = (select private.my_email())
$$;

create policy "Clients see what they attend, hosts what they hold, admins all" on public.bookings
    for select to authenticated
    using ((select private.is_admin()) or id in (select private.my_booking_ids()));

create policy "One sees one's own row, who booked sees all, staff see theirs" on public.booking_attendees
    for select to authenticated
    using ((select private.is_admin())
        or email = (select private.my_email())
        or booking_id in (select private.booked_booking_ids())
        or booking_id in (select private.hosted_booking_ids()));

create policy "Who sees a booking sees the part of its story meant for them" on public.booking_events
    for select to authenticated
    using ((select private.is_admin())
        or booking_id in (select private.hosted_booking_ids())
        or (audience = 'everyone' and booking_id in (select private.attended_booking_ids()))
        or (audience = 'attendee' and booking_id in (select private.attended_booking_ids())
            and (attendee_id in (select private.my_attendee_ids())
                 or booking_id in (select private.booked_booking_ids()))));

create policy "Who sees a booking reads its shared notes, staff all notes" on public.booking_notes
    for select to authenticated
    using ((select private.is_admin())
        or booking_id in (select private.hosted_booking_ids())
        or (visibility = 'shared' and booking_id in (select private.attended_booking_ids())));

create policy "One writes as oneself; in seated bookings only staff share" on public.booking_notes
    for insert to authenticated
    with check (author_id = (select auth.uid())
        and ((select private.is_admin())
             or booking_id in (select private.hosted_booking_ids())
             or (visibility = 'shared'
                 and booking_id in (select a.booking_id from public.booking_attendees a
                                    where a.email = (select private.my_email())
                                      and a.role <> 'seat' and a.removed_at is null))));

grant select on public.bookings, public.booking_attendees, public.booking_events, public.booking_notes
    to authenticated, service_role;
grant insert (booking_id, author_id, visibility, body) on public.booking_notes to authenticated;
grant execute on function private.hosted_booking_ids(), private.attended_booking_ids(), private.my_booking_ids(),
    private.booked_booking_ids(), private.my_attendee_ids() to authenticated, service_role;

-- Append-only for every role. Merging and erasure announce themselves inside their own transaction.
create function private.guard_timeline() returns trigger
    language plpgsql security invoker set search_path = '' as $$
begin
    if tg_op = 'UPDATE' and current_setting('booking.timeline', true) = 'merge'
       and (to_jsonb(new) - 'booking_id' - 'attendee_id') = (to_jsonb(old) - 'booking_id' - 'attendee_id') then
        return new;
    end if;
    if tg_op = 'UPDATE' and current_setting('booking.timeline', true) = 'erase'
       and (to_jsonb(new) - 'actor' - 'reason' - 'changes') = (to_jsonb(old) - 'actor' - 'reason' - 'changes') then
        return new;
    end if;
    raise exception 'the timeline is append-only' using errcode = '42501';
end $$;
create trigger booking_events_append_only before update or delete on public.booking_events
    for each row execute function private.guard_timeline();

-- The author's name is looked up, not claimed; the note becomes part of the story.
create function private.note_author() returns trigger
    language plpgsql security definer set search_path = '' as $$
begin
    new.author_name := coalesce(
        (select a.name from public.booking_attendees a
         where a.booking_id = new.booking_id and a.email = (select private.my_email())),
        (select coalesce(u.raw_user_meta_data ->> 'name', split_part(u.email::text, '@', 1))
         from auth.users u where u.id = new.author_id));
    return new;
end $$;
create trigger booking_notes_author_name before insert on public.booking_notes
    for each row execute function private.note_author();

create function private.note_in_timeline() returns trigger
    language plpgsql security definer set search_path = '' as $$
begin
    insert into public.booking_events (booking_id, kind, actor_kind, actor, source, audience, occurred_at)
    values (new.booking_id, 'note_added', case when (select private.is_staff()) then 'staff' else 'client' end,
            new.author_name, 'action', case new.visibility when 'staff' then 'staff' else 'everyone' end, new.created_at);
    return null;
end $$;
create trigger booking_notes_timeline after insert on public.booking_notes
    for each row execute function private.note_in_timeline();

comment on table public.bookings is 'One row a booking, whatever number of uids Cal.com gave it; derived from private.reports.';
comment on column public.bookings.ical_uid is 'The UID of every calendar file of this booking (RFC 5545 3.8.4.7).';
comment on column public.bookings.revision is 'Calendar SEQUENCE (RFC 5545 3.8.7.4): +1 when time, place, host, title or status change.';
comment on column public.bookings.host_email is 'What clients may see; null when the host hides the address.';
comment on column public.bookings.cancelled_by is 'A kind of actor, never an address.';
comment on table public.booking_attendees is 'Booker, guests or seats; no hosts, no team. removed_at: no longer in the booking.';
comment on table public.booking_events is 'The story of a booking; append-only for every role.';
comment on column public.booking_events.changes is 'field → [old, new]';
comment on table public.booking_notes is 'Notes on a booking; agenda = description + shared notes.';
