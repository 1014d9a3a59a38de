-- What each person wants to be told, what they agreed to, and where nothing may be sent any more.

create table public.notification_preferences (
    email text primary key,
    email_reminders boolean not null default true,
    reminder_leads integer[] not null default '{1440,60}',
    sms_reminders boolean not null default false,
    sms_lead integer not null default 60,
    phone text,
    phone_verified_at timestamptz,
    quiet_start time not null default '21:00',
    quiet_end time not null default '08:00',
    quiet_email boolean not null default false,
    time_zone text,
    locale text,
    constraint notification_preferences_email check (email = lower(email)),
    constraint notification_preferences_leads check (
        cardinality(reminder_leads) <= 6 and coalesce(array_ndims(reminder_leads), 1) = 1
        and array_position(reminder_leads, null) is null
        and 15 <= all (reminder_leads) and 20160 >= all (reminder_leads)),
    constraint notification_preferences_sms_lead check (sms_lead between 15 and 20160),
    constraint notification_preferences_phone check (phone ~ '^\+[1-9][0-9]{6,14}$'),
    constraint notification_preferences_locale check (locale ~ '^[a-zA-Z]{2,3}([-_][a-zA-Z0-9]{2,8})*$')
);
alter table public.notification_preferences enable row level security;
create policy "One reads one's own preferences, staff those of their clients" on public.notification_preferences
    for select to authenticated
    using (email = (select private.my_email()) or (select private.is_admin())
        or email in (select a.email from public.booking_attendees a
                     where a.booking_id in (select private.hosted_booking_ids())));
create policy "One makes one's own preferences" on public.notification_preferences
    for insert to authenticated with check (email = (select private.my_email()));
create policy "One changes one's own preferences" on public.notification_preferences
    for update to authenticated
    using (email = (select private.my_email())) with check (email = (select private.my_email()));
grant select on public.notification_preferences to authenticated, service_role;
grant insert (email, email_reminders, reminder_leads, sms_reminders, sms_lead, quiet_start, quiet_end, quiet_email,
    time_zone, locale) on public.notification_preferences to authenticated;
grant update (email_reminders, reminder_leads, sms_reminders, sms_lead, quiet_start, quiet_end, quiet_email,
    time_zone, locale) on public.notification_preferences to authenticated;

-- A zone that is not in the IANA database (Postgres takes 'FOO3' too) would mislead the planner and the mails.
create function private.check_time_zone() returns trigger
    language plpgsql security invoker set search_path = '' as $$
begin
    if not exists (select 1 from pg_catalog.pg_timezone_names z where z.name = new.time_zone) then
        raise exception 'unknown time zone' using errcode = '22023', hint = 'Use a name of the IANA database.';
    end if;
    return new;
end $$;
create trigger notification_preferences_time_zone before insert or update of time_zone on public.notification_preferences
    for each row when (new.time_zone is not null) execute function private.check_time_zone();

create table public.sms_consents (
    id bigint generated always as identity primary key,
    email text not null,
    phone text not null,
    text_shown text not null,
    source text not null,
    given_at timestamptz not null default now(),
    withdrawn_at timestamptz,
    constraint sms_consents_email check (email = lower(email)),
    constraint sms_consents_order check (withdrawn_at >= given_at)
);
create index sms_consents_email on public.sms_consents (email, given_at);
create index sms_consents_phone on public.sms_consents (phone);
alter table public.sms_consents enable row level security;
create policy "One reads one's own consents, admins all" on public.sms_consents
    for select to authenticated
    using (email = (select private.my_email()) or (select private.is_admin()));
grant select on public.sms_consents to authenticated, service_role;

create table public.suppressions (
    channel text not null,
    address text not null,
    reason text not null,
    created_at timestamptz not null default now(),
    primary key (channel, address),
    constraint suppressions_channel check (channel in ('email', 'sms')),
    constraint suppressions_address check (address = lower(address))
);
alter table public.suppressions enable row level security;
create policy "Admins see suppressions" on public.suppressions
    for select to authenticated using ((select private.is_admin()));
create policy "Admins add suppressions" on public.suppressions
    for insert to authenticated with check ((select private.is_admin()));
create policy "Admins change suppressions" on public.suppressions
    for update to authenticated using ((select private.is_admin())) with check ((select private.is_admin()));
create policy "Admins lift suppressions" on public.suppressions
    for delete to authenticated using ((select private.is_admin()));
grant select, insert, update, delete on public.suppressions to authenticated;
grant select on public.suppressions to service_role;

create table public.event_type_settings (
    id bigint generated always as identity primary key,
    event_type_id bigint,
    min_cancel_notice integer not null default 0,
    min_reschedule_notice integer not null default 0,
    max_reschedules integer,
    send_kinds text[] not null
        default '{requested,confirmation,rescheduled,updated,cancelled,rejected,pick_new_time,reminder}',
    contact text,
    constraint event_type_settings_one_each unique nulls not distinct (event_type_id),
    constraint event_type_settings_notices check (min_cancel_notice >= 0 and min_reschedule_notice >= 0),
    constraint event_type_settings_moves check (max_reschedules >= 0),
    constraint event_type_settings_kinds check (send_kinds <@
        '{requested,confirmation,rescheduled,updated,cancelled,rejected,pick_new_time,reminder}'::text[])
);
alter table public.event_type_settings enable row level security;
create policy "Staff read the settings" on public.event_type_settings
    for select to authenticated using ((select private.is_staff()));
create policy "Admins add settings" on public.event_type_settings
    for insert to authenticated with check ((select private.is_admin()));
create policy "Admins change settings" on public.event_type_settings
    for update to authenticated using ((select private.is_admin())) with check ((select private.is_admin()));
create policy "Admins remove settings" on public.event_type_settings
    for delete to authenticated using ((select private.is_admin()));
grant select, insert, update, delete on public.event_type_settings to authenticated;
grant select on public.event_type_settings to service_role;

create table public.saved_views (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
    name text not null,
    view jsonb not null,
    created_at timestamptz not null default now(),
    constraint saved_views_name check (length(name) between 1 and 100),
    constraint saved_views_one_name unique (user_id, name)
);
alter table public.saved_views enable row level security;
create policy "Staff see their own views" on public.saved_views
    for select to authenticated using (user_id = (select auth.uid()));
create policy "Staff add their own views" on public.saved_views
    for insert to authenticated with check (user_id = (select auth.uid()) and (select private.is_staff()));
create policy "Staff change their own views" on public.saved_views
    for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "Staff remove their own views" on public.saved_views
    for delete to authenticated using (user_id = (select auth.uid()));
grant select, insert, update, delete on public.saved_views to authenticated;
grant select on public.saved_views to service_role;

comment on table public.notification_preferences is 'What a person wants; people without a row have the defaults.';
comment on column public.notification_preferences.reminder_leads is 'Minutes before the start, 15 minutes to 14 days.';
comment on table public.sms_consents is 'History of consent to texts: what was shown, when given, when withdrawn.';
comment on table public.suppressions is 'Addresses and numbers that nothing is sent to: permanent bounces, complaints, STOP.';
comment on table public.event_type_settings is 'Policy of an event type; event_type_id null is the default.';
comment on table public.saved_views is 'Filters of the dashboard that a member of staff kept.';
