-- What people without a session reach by a link that our functions have checked: a calendar feed, their preferences.

-- The token itself is known only to whoever subscribed.
create table private.feed_tokens (
    token_hash text primary key,
    user_id uuid not null references auth.users (id) on delete cascade,
    filters jsonb not null default '{}',
    created_at timestamptz not null default now(),
    read_at timestamptz,
    constraint feed_tokens_hash check (token_hash ~ '^[0-9a-f]{64}$'),
    constraint feed_tokens_one_each unique (user_id, filters)
);

-- What the signed-in person, who was removed from a booking, last heard of it: no trace of what changed later.
create function private.last_heard(p_booking_id uuid) returns jsonb
    language sql stable set search_path = '' as $$
    select jsonb_build_object('revision', coalesce(max(n.revision), 0), 'updated_at', max(a.removed_at))
    from public.booking_attendees a left join public.notifications n on n.attendee_id = a.id and n.sent_at is not null
    where a.booking_id = p_booking_id and a.email = private.my_email()
$$;

-- What a feed shows, read with its maker's rights as they are now: null if the token is unknown, or its maker's account
-- is closed. Cancelled ones stay in it, so that calendars take them out.
create function private.calendar_feed(p_token_hash text) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_token private.feed_tokens;
    v_filters private.booking_filters;
    v_bookings jsonb;
begin
    select * into v_token from private.feed_tokens t where t.token_hash = p_token_hash;
    perform set_config('request.jwt.claim.sub', v_token.user_id::text, true);
    if v_token.user_id is null or private.my_email() is null then
        return null;
    end if;
    update private.feed_tokens t set read_at = now() where t.token_hash = p_token_hash;
    v_filters := private.checked_filters(jsonb_populate_record(null::private.booking_filters, v_token.filters));
    v_filters.starts_from := greatest(v_filters.starts_from, now() - interval '30 days');
    v_filters.page_cursor := null;
    v_filters.page_size := 5000;
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', c.id, 'ical_uid', b.ical_uid, 'status', c.status, 'title', c.title, 'starts_at', c.starts_at,
        'ends_at', c.ends_at) || case when c.removed then private.last_heard(c.id) else jsonb_build_object(
            'revision', b.revision, 'updated_at', b.updated_at, 'description', b.description, 'location', b.location,
            'meeting_url', b.meeting_url, 'host_name', b.host_name, 'host_email', b.host_email) end
        order by c.starts_at, c.id), '[]')
    into v_bookings
    from private.find_bookings(v_filters) c join public.bookings b on b.id = c.id;
    return jsonb_build_object('owner', private.my_email(), 'bookings', v_bookings);
end $$;

-- A person's preferences, for who holds a link to them. Null p_changes: only read. Without p_widen they may only turn
-- things off. An address that has nothing to do with us gets the defaults, and nothing is stored.
create function private.preferences_by_link(p_email text, p_changes jsonb, p_widen boolean) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_email constant text := lower(btrim(p_email));
    v_wishes public.notification_preferences;
    v_only_turns_off constant boolean := not exists (
        select 1 from jsonb_each(p_changes) c
        where c.key not in ('email_reminders', 'sms_reminders') or c.value <> 'false');
begin
    if not (p_widen or v_only_turns_off) then
        raise exception 'this link can only turn reminders off' using errcode = 'PT403';
    end if;
    if p_changes <> '{}' and (
        exists (select 1 from public.notification_preferences p where p.email = v_email)
        or exists (select 1 from public.booking_attendees a where a.email = v_email)) then
        v_wishes := private.set_wishes(v_email, p_changes);
        if p_changes -> 'sms_reminders' = 'false' then
            update public.sms_consents c set withdrawn_at = now()
            where c.email = v_email and c.withdrawn_at is null;
        end if;
    else
        select * into v_wishes from public.notification_preferences p where p.email = v_email;
    end if;
    if v_wishes.email is null then
        v_wishes := jsonb_populate_record(null::public.notification_preferences, jsonb_build_object(
            'email', v_email, 'email_reminders', true, 'reminder_leads', '[1440, 60]'::jsonb, 'sms_reminders', false,
            'sms_lead', 60, 'quiet_start', '21:00', 'quiet_end', '08:00', 'quiet_email', false));
    end if;
    return to_jsonb(v_wishes) || jsonb_build_object('may_widen', p_widen);
end $$;

create function public.calendar_feed(p_token_hash text) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.calendar_feed(p_token_hash) $$;
create function public.preferences_by_link(p_email text, p_changes jsonb default null, p_widen boolean default false)
    returns jsonb
    language sql security invoker set search_path = ''
    as $$ select private.preferences_by_link(p_email, p_changes, coalesce(p_widen, false)) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.calendar_feed(text), public.preferences_by_link(text, jsonb, boolean)
    from public, anon, authenticated;
grant execute on function private.calendar_feed(text), private.preferences_by_link(text, jsonb, boolean) to service_role;
grant execute on function public.calendar_feed(text), public.preferences_by_link(text, jsonb, boolean) to service_role;
comment on table private.feed_tokens is 'Calendar subscriptions: SHA-256 of the token, whose it is, and their filters.';
comment on function public.calendar_feed(text) is
    '{"owner", "bookings": [{"id", "ical_uid", "revision", "status", "title", "starts_at", "ends_at", "updated_at", …}]}, '
    'from 30 days ago on; null: no such feed (any more).';
comment on function public.preferences_by_link(text, jsonb, boolean) is
    'The preferences of the address that a link was signed for, after p_changes. p_widen: the address was just proven.';
