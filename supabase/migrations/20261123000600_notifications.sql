-- Messages: what is owed to whom, and how each ended.

create table public.notifications (
    id uuid primary key default gen_random_uuid(),
    booking_id uuid not null references public.bookings (id),
    attendee_id uuid not null references public.booking_attendees (id),
    channel text not null,
    kind text not null,
    recipient text not null,
    lead_minutes integer,
    ical_uid text not null,
    starts_at timestamptz not null,
    revision integer not null,
    due_at timestamptz not null default now(),
    time_zone text not null,
    locale text not null,
    status text not null default 'planned',
    reason text,
    attempts integer not null default 0,
    provider_id text,
    sent_at timestamptz,
    created_at timestamptz not null default now(),
    constraint notifications_channel check (channel in ('email', 'sms')),
    constraint notifications_kind check (kind in
        ('requested', 'confirmation', 'rescheduled', 'updated', 'cancelled', 'rejected', 'pick_new_time', 'reminder')),
    constraint notifications_status check (status in
        ('planned', 'sending', 'unknown', 'failed', 'sent', 'delivered', 'bounced', 'complained', 'skipped')),
    constraint notifications_silence_has_a_reason check (status <> 'skipped' or (reason is not null and reason in
        ('opted_out', 'no_consent', 'suppressed', 'superseded', 'inside_window', 'quiet_hours', 'merged', 'imported',
         'not_wanted_by_team', 'staff', 'started'))),
    constraint notifications_lead check ((kind = 'reminder') = (lead_minutes is not null)),
    constraint notifications_sent_at check (sent_at is null or status not in ('planned', 'skipped', 'failed'))
);
-- At most one unsent word about a change for each person and channel (and calendar entry).
create unique index notifications_one_change_planned on public.notifications (attendee_id, channel, ical_uid)
    where status = 'planned' and kind <> 'reminder';
-- The UID is the booking's; it tells apart what two bookings sent that turned out to be one.
create unique index notifications_reminder_once
    on public.notifications (booking_id, attendee_id, channel, lead_minutes, starts_at, ical_uid) where kind = 'reminder';
create index notifications_booking on public.notifications (booking_id);
create index notifications_attendee on public.notifications (attendee_id);
create index notifications_provider on public.notifications (provider_id) where provider_id is not null;
create index notifications_recipient on public.notifications (channel, recipient);
alter table public.notifications enable row level security;
create policy "One sees one's own messages, staff those of their bookings" on public.notifications
    for select to authenticated
    using ((select private.is_admin())
        or attendee_id in (select private.my_attendee_ids())
        or booking_id in (select private.hosted_booking_ids()));
grant select on public.notifications to authenticated, service_role;

-- The queue beside the messages. A lease is a `try_at` in the future that only its holder may settle.
create table private.outbox (
    notification_id uuid primary key references public.notifications (id) on delete cascade,
    seq bigint generated always as identity,
    channel text not null,
    priority smallint not null,
    try_at timestamptz not null,
    open boolean not null default true,
    target jsonb not null,
    method text,
    lease uuid,
    in_doubt boolean not null default false,
    tries integer not null default 0,
    first_tried_at timestamptz,
    batch_key text,
    again boolean not null default false,
    constraint outbox_method check (method in ('REQUEST', 'CANCEL'))
);
create index outbox_due on private.outbox (priority, channel, try_at) where open;
create index outbox_batch on private.outbox (batch_key) where open;
create index outbox_seq on private.outbox (seq);

-- What was posted, byte for byte, until it is settled: a retry posts the same bytes under the same key.
create table private.outbox_batches (
    key text primary key,
    payload bytea not null,
    created_at timestamptz not null default now()
);

create table private.delivery_attempts (
    id bigint generated always as identity primary key,
    notification_id uuid not null references public.notifications (id) on delete cascade,
    at timestamptz not null default now(),
    outcome text not null,
    error text
);
create index delivery_attempts_notification on private.delivery_attempts (notification_id, at);

-- One token bucket a provider, shared by all workers: `rate` messages a second, at most one second saved up.
create table private.send_rates (
    channel text primary key,
    rate numeric not null,
    tokens numeric not null,
    refilled_at timestamptz not null default now(),
    constraint send_rates_rate check (rate > 0)
);
insert into private.send_rates (channel, rate, tokens) values ('email', 5, 5), ('sms', 1, 1);

comment on table public.notifications is 'Every message ends in one final state; one that is not sent says why.';
comment on column public.notifications.ical_uid is 'Which calendar entry the message is about.';
comment on column private.outbox.seq is 'In which order messages were planned.';
comment on column private.outbox.target is 'What the message tells: state, starts_at, ends_at, place, host.';
comment on column private.outbox.again is 'Staff asked for it once more: it repeats what was told, and leaves while that is true.';
comment on column private.outbox.in_doubt is 'A try may have been accepted: only the same bytes may be posted again.';
