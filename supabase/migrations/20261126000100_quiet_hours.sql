-- When somebody may be disturbed: zones, clock changes, quiet hours.

-- All that is asked for each person is in plpgsql, which keeps its plans: a function in SQL is planned at each call.

-- The planner's clock.
create function private.clock() returns timestamptz
    language plpgsql stable set search_path = '' as $$ begin return now(); end $$;

create or replace function private.settings_for(p_event_type_id bigint) returns public.event_type_settings
    language plpgsql stable set search_path = '' as $$
declare
    s public.event_type_settings;
begin
    select x.* into s from public.event_type_settings x
    where x.event_type_id = p_event_type_id or x.event_type_id is null
    order by x.event_type_id nulls last limit 1;
    return s;
end $$;

create or replace function private.is_staff_address(p_email text) returns boolean
    language plpgsql stable security definer set search_path = '' as $$
begin
    return exists (
        select 1 from public.staff s join auth.users u on u.id = s.user_id
        where u.email = p_email and u.email_confirmed_at is not null);
end $$;

-- A wall time of a zone: in a fold (clocks go back) the earlier instant, in a gap forward by its length.
create function private.instant_in(p_local timestamp, p_zone text) returns timestamptz
    language plpgsql stable set search_path = '' as $$
declare
    v_instant constant timestamptz := p_local at time zone p_zone;  -- in a fold the later one
    v_fold interval;
begin
    foreach v_fold in array '{02:00,01:00,00:30}'::interval[] loop
        if (v_instant - v_fold) at time zone p_zone = p_local then
            return v_instant - v_fold;
        end if;
    end loop;
    return v_instant;
end $$;

-- The quiet hours [began_at, ends_at) that an instant is in; nulls: it is in none.
create function private.quiet_hours(
    p_at timestamptz, p_zone text, p_start time, p_end time, out began_at timestamptz, out ends_at timestamptz)
    language plpgsql stable set search_path = '' as $$
declare
    v_today constant date := (p_at at time zone p_zone)::date;
    v_days_ago integer;
begin
    for v_days_ago in 0..1 loop
        exit when p_start = p_end;
        began_at := private.instant_in(v_today - v_days_ago + p_start, p_zone);
        ends_at := private.instant_in(v_today - v_days_ago + (p_end < p_start)::integer + p_end, p_zone);
        if began_at <= p_at and p_at < ends_at then
            return;
        end if;
    end loop;
    began_at := null;
    ends_at := null;
end $$;

-- When a reminder leaves that quiet hours do not let out at its own time: at their end, if that leaves half an hour;
-- else just before they begin; if that is past, an e-mail keeps its time, and a text is not sent.
create function private.reminder_time(
    p_channel text, p_at timestamptz, p_starts_at timestamptz, p_zone text, p_start time, p_end time,
    out due_at timestamptz, out reason text)
    language plpgsql stable set search_path = '' as $$
declare
    q record;
begin
    due_at := p_at;
    q := private.quiet_hours(p_at, p_zone, p_start, p_end);
    if q.ends_at is null then
        return;
    elsif q.ends_at <= p_starts_at - interval '30 minutes' then
        due_at := q.ends_at;
    elsif q.began_at - interval '1 minute' > private.clock() then
        due_at := q.began_at - interval '1 minute';
    elsif p_channel = 'sms' then
        reason := 'quiet_hours';
    end if;
end $$;

-- A zone that Postgres knows: what Cal.com sends may be newer than its time zone data.
create function private.known_zone(p_zone text) returns text
    language plpgsql stable set search_path = '' as $$
begin
    perform now() at time zone p_zone;
    return p_zone;
exception when invalid_parameter_value then
    return 'UTC';
end $$;

revoke execute on all functions in schema private from public, anon;
