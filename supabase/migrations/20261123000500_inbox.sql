-- What came in, the set of reports that bookings are derived from, and what bodies could not decide.

create table public.webhook_events (
    id uuid primary key default gen_random_uuid(),
    trigger text,
    received_at timestamptz not null default now(),
    outcome text not null,
    error text,
    booking_id uuid references public.bookings (id) on delete set null,
    body jsonb,
    sha256 text not null,
    constraint webhook_events_outcome check (outcome in ('applied', 'duplicate', 'ignored', 'quarantined')),
    constraint webhook_events_sha256 unique (sha256)
);
create index webhook_events_received on public.webhook_events (received_at);
create index webhook_events_booking on public.webhook_events (booking_id, received_at);
create index webhook_events_quarantined on public.webhook_events (received_at) where outcome = 'quarantined';
alter table public.webhook_events enable row level security;
create policy "Admins read what came in" on public.webhook_events
    for select to authenticated using ((select private.is_admin()));
grant select on public.webhook_events to authenticated, service_role;

-- What a quarantined event would have done: tried again by the sweep until it can be applied.
create table private.pending_events (
    event_id uuid primary key references public.webhook_events (id) on delete cascade,
    event jsonb not null,
    doubt_id uuid,
    tries integer not null default 1,
    try_at timestamptz not null default now() + interval '15 seconds'
);
create index pending_events_try_at on private.pending_events (try_at);

-- Each distinct BookingChange once (columns as in shared/booking.py). The set only grows.
create table private.reports (
    id bigint generated always as identity primary key,
    key text not null,
    -- A report is put with its booking before that is derived from it.
    booking_id uuid references public.bookings (id) deferrable initially deferred,
    source text not null,
    "trigger" text not null,
    phase smallint not null,
    at timestamptz not null,
    uid text,
    calcom_id bigint,
    ical_uid text,
    ical_sequence integer,
    rescheduled_from_uid text,
    rescheduled_from_id bigint,
    rescheduled_from_starts_at timestamptz,
    rescheduled_to_uid text,
    recurring boolean not null default false,
    series text,
    status text,
    requires_confirmation boolean,
    reschedule_requested boolean,
    reason text,
    by text,
    starts_at timestamptz,
    ends_at timestamptz,
    title text,
    description text,
    event_type_id bigint,
    event_type_slug text,
    event_type_title text,
    location text,
    meeting_url text,
    host jsonb,
    team jsonb not null default '[]',
    booker text,
    people jsonb,
    seated boolean not null default false,
    seats integer,
    updated_at timestamptz,
    constraint reports_key unique (key),
    constraint reports_names_a_booking check (uid is not null or calcom_id is not null),
    constraint reports_trigger check ("trigger" in (
        'REQUESTED', 'PAYMENT_INITIATED', 'CREATED', 'RESCHEDULED', 'PAID', 'LOCATION_UPDATED', 'REASSIGNED', 'API',
        'REJECTED', 'CANCELLED', 'STARTED', 'ENDED', 'NO_SHOW')),
    constraint reports_status check (status in ('accepted', 'pending', 'cancelled', 'rejected'))
);
create index reports_booking on private.reports (booking_id);

-- Under which names a report is found. Two reports that share a key belong to one booking when one of them binds
-- strongly; `none` only refers (a seat, a series, the booking that a seat left).
create table private.report_keys (
    key text not null,
    report_id bigint not null references private.reports (id) on delete cascade,
    binds text not null,
    primary key (key, report_id),
    constraint report_keys_binds check (binds in ('strong', 'weak', 'none'))
);
create index report_keys_report on private.report_keys (report_id);

-- Cal.com's chain of uids behind a booking, as derived. A node known by its number alone is written '#<number>'.
create table private.booking_nodes (
    uid text primary key,
    calcom_id bigint,
    booking_id uuid not null references public.bookings (id) on delete cascade,
    is_head boolean not null
);
create index booking_nodes_booking on private.booking_nodes (booking_id);

-- What the machinery knows of a booking and clients do not see.
create table private.booking_details (
    booking_id uuid primary key references public.bookings (id) on delete cascade,
    host_email text,
    host_locale text,
    moved boolean not null default false,
    seated boolean not null default false,
    insiders jsonb not null default '[]'  -- addresses of hosts and team, of the whole chain
);

create table public.doubts (
    id uuid primary key default gen_random_uuid(),
    booking_id uuid references public.bookings (id) on delete cascade,
    kind text not null,
    detail text,
    look_at timestamptz not null default now() + interval '15 seconds',
    tries integer not null default 0,
    resolved_at timestamptz,
    outcome text,
    constraint doubts_kind check (kind in ('resent', 'seat_cancelled', 'move_names_nobody', 'move_rejected',
        'series_without_id', 'two_heads', 'unknown_booking')),
    constraint doubts_outcome_when_resolved check ((resolved_at is null) = (outcome is null))
);
alter table private.pending_events add constraint pending_events_doubt_id_fkey
    foreign key (doubt_id) references public.doubts (id) on delete set null;
create index pending_events_doubt on private.pending_events (doubt_id);
create unique index doubts_open on public.doubts (booking_id, kind) where resolved_at is null and booking_id is not null;
create index doubts_booking on public.doubts (booking_id);
create index doubts_look_at on public.doubts (look_at) where resolved_at is null;
alter table public.doubts enable row level security;
create policy "Admins read doubts" on public.doubts
    for select to authenticated using ((select private.is_admin()));
grant select on public.doubts to authenticated, service_role;

create table public.job_runs (
    id bigint generated always as identity primary key,
    job text not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    result jsonb not null default '{}',
    error text,
    heartbeat boolean not null default false
);
create unique index job_runs_heartbeat on public.job_runs (job) where heartbeat;
create index job_runs_started on public.job_runs (job, started_at);
alter table public.job_runs enable row level security;
create policy "Admins see how the jobs ran" on public.job_runs
    for select to authenticated using ((select private.is_admin()));
grant select on public.job_runs to authenticated, service_role;

comment on table public.webhook_events is 'Inbox: one row a distinct body, secrets removed; bodies are kept 90 days.';
comment on table private.reports is 'The set that every booking is a pure function of.';
comment on column private.reports.key is 'SHA-256 of the normalised change without its time.';
comment on column private.reports.at is 'Bodies: the first sending known. API answers: the last reading, less 15 s.';
comment on column private.reports.booking_id is 'Null while a note on an unknown booking waits for it.';
comment on table public.doubts is 'What bodies could not decide: reconcile looks at Cal.com''s API after look_at.';
comment on table public.job_runs is 'One heartbeat row a job, plus a row for each run that did something.';
