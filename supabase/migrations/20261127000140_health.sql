-- How the machinery does, for admins who look at it: what came in, what went out, when the jobs ran, what waits.

-- The day of a message: when it left, or was due.
create index notifications_day on public.notifications ((coalesce(sent_at, due_at)));
create index booking_events_day on public.booking_events (occurred_at)
    where kind in ('moved', 'cancelled', 'reschedule_requested', 'rejected');

create function private.health(p_from timestamptz, p_to timestamptz, p_time_zone text) returns jsonb
    language plpgsql stable security definer set search_path = '' as $$
begin
    if not private.is_admin() then
        raise exception 'for admins' using errcode = 'PT403';
    end if;
    if p_from is null or p_to is null or p_to <= p_from or p_to > p_from + interval '400 days' then
        raise exception 'from when to when?' using errcode = '22023', hint = 'p_from before p_to, 400 days at most';
    end if;
    if not exists (select 1 from pg_catalog.pg_timezone_names z where z.name = p_time_zone) then
        raise exception 'unknown time zone' using errcode = '22023', hint = 'Use a name of the IANA database.';
    end if;
    return jsonb_build_object('from', p_from, 'to', p_to, 'time_zone', p_time_zone,
        'webhooks', private.webhooks_by_day(p_from, p_to, p_time_zone),
        'bookings', private.bookings_by_day(p_from, p_to, p_time_zone),
        'jobs', private.job_health(),
        'drift', (select jsonb_build_object('at', j.finished_at, 'error', j.error, 'result', j.result)
                  from public.job_runs j where j.job = 'reconcile' and j.heartbeat),
        'doubts', (select jsonb_build_object('open', coalesce(sum(k.n), 0), 'oldest', min(k.oldest),
                       'by_kind', coalesce(jsonb_object_agg(k.kind, k.n) filter (where k.kind is not null), '{}'))
                   from (select d.kind, count(*) as n, min(d.look_at) as oldest
                         from public.doubts d where d.resolved_at is null group by d.kind) k),
        'quarantined', (select count(*) from public.webhook_events w where w.outcome = 'quarantined'),
        'backlog', (select jsonb_object_agg(c.channel, (
                        select count(*) from generate_series(1, 3) l (priority) cross join lateral (
                            select 1 from private.outbox o
                            where o.open and o.priority = l.priority and o.channel = c.channel and o.try_at <= now() limit 10000) x))
                    from (values ('email'), ('sms')) c (channel)))
        || private.messages_by_day(p_from, p_to, p_time_zone);
end $$;

create function private.webhooks_by_day(p_from timestamptz, p_to timestamptz, p_zone text) returns jsonb
    language plpgsql stable set search_path = '' as $$
begin
    return (
        select coalesce(jsonb_agg(to_jsonb(x) order by x.day, x.outcome), '[]')
        from (select (w.received_at at time zone p_zone)::date as day, w.outcome, count(*) as n
              from public.webhook_events w where w.received_at >= p_from and w.received_at < p_to group by 1, 2) x);
end $$;

create function private.bookings_by_day(p_from timestamptz, p_to timestamptz, p_zone text) returns jsonb
    language plpgsql stable set search_path = '' as $$
begin
    return (
        select coalesce(jsonb_agg(to_jsonb(x) order by x.day), '[]')
        from (
            select d.day, sum(d.made) as made, sum(d.cancelled) as cancelled, sum(d.moved) as moved
            from (
                select (b.created_at at time zone p_zone)::date as day, count(*) as made, 0 as cancelled, 0 as moved
                from public.bookings b where b.created_at >= p_from and b.created_at < p_to group by 1
                union all
                select (e.occurred_at at time zone p_zone)::date, 0, count(*) filter (where e.kind <> 'moved'),
                    count(*) filter (where e.kind = 'moved')
                from public.booking_events e
                where e.kind in ('moved', 'cancelled', 'reschedule_requested', 'rejected')
                  and e.occurred_at >= p_from and e.occurred_at < p_to group by 1) d
            group by d.day) x);
end $$;

-- How each message of a day fared, and what part of those whose end is known arrived. (A complaint was delivered first.)
create function private.messages_by_day(p_from timestamptz, p_to timestamptz, p_zone text) returns jsonb
    language plpgsql stable set search_path = '' as $$
begin
    return (
        with told as materialized (
            select (coalesce(n.sent_at, n.due_at) at time zone p_zone)::date as day, n.channel, n.status,
                case n.status when 'skipped' then n.reason end as reason, count(*) as n
            from public.notifications n
            where coalesce(n.sent_at, n.due_at) >= p_from and coalesce(n.sent_at, n.due_at) < p_to
            group by 1, 2, 3, 4
        )
        select jsonb_build_object(
            'messages', (select coalesce(jsonb_agg(to_jsonb(t) order by t.day, t.channel, t.status, t.reason), '[]') from told t),
            'delivery', (select coalesce(jsonb_object_agg(c.channel, to_jsonb(c) - 'channel' || jsonb_build_object(
                    'rate', round(c.delivered::numeric / nullif(c.delivered + c.lost, 0), 4))), '{}')
                from (select t.channel,
                        coalesce(sum(t.n) filter (where t.status in ('delivered', 'complained')), 0) as delivered,
                        coalesce(sum(t.n) filter (where t.status in ('bounced', 'failed')), 0) as lost,
                        coalesce(sum(t.n) filter (where t.status in ('sent', 'unknown')), 0) as open
                    from told t group by t.channel) c)));
end $$;

-- The heartbeat of each job, and its ten newest runs that did something.
create function private.job_health() returns jsonb
    language plpgsql stable set search_path = '' as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object('job', h.job, 'started_at', h.started_at, 'finished_at', h.finished_at,
            'minutes_ago', floor(extract(epoch from now() - h.finished_at) / 60)::integer, 'error', h.error,
            'result', h.result - 'differences',
            'runs', (select coalesce(jsonb_agg(jsonb_build_object('started_at', r.started_at, 'finished_at', r.finished_at,
                        'error', r.error, 'result', r.result - 'differences') order by r.started_at desc), '[]')
                     from (select j.* from public.job_runs j where j.job = h.job and not j.heartbeat
                           order by j.started_at desc limit 10) r)) order by h.job), '[]')
        from public.job_runs h where h.heartbeat);
end $$;

-- Null: it never ran.
create function private.sweep_age() returns integer
    language plpgsql stable security definer set search_path = '' as $$
begin
    if not private.is_staff() then
        raise exception 'only staff may do this' using errcode = 'PT403';
    end if;
    return (select extract(epoch from now() - j.finished_at)::integer
            from public.job_runs j where j.job = 'reminders' and j.heartbeat);
end $$;

create function public.health(p_from timestamptz, p_to timestamptz, p_time_zone text default 'UTC') returns jsonb
    language sql stable security invoker set search_path = '' as $$ select private.health(p_from, p_to, p_time_zone) $$;
create function public.sweep_age() returns integer
    language sql stable security invoker set search_path = '' as $$ select private.sweep_age() $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.health(timestamptz, timestamptz, text), public.sweep_age()
    from public, anon, service_role;
grant execute on function private.health(timestamptz, timestamptz, text), private.sweep_age() to authenticated;
grant execute on function public.health(timestamptz, timestamptz, text), public.sweep_age() to authenticated;
comment on function public.health(timestamptz, timestamptz, text) is
    'Admin, for 400 days at most, days in p_time_zone: {"webhooks": [{"day", "outcome", "n"}], "bookings": [{"day", "made", '
    '"cancelled", "moved"}], "messages": [{"day", "channel", "status", "reason", "n"}], "delivery": {channel: {"delivered", '
    '"lost", "open", "rate"}}, "jobs": [{"job", "started_at", "finished_at", "minutes_ago", "error", "result", "runs"}], '
    '"drift": {"at", "error", "result"} of the last reconcile, "doubts": {"open", "oldest", "by_kind"}, "quarantined", '
    '"backlog": {channel: due and unsent}}.';
comment on function public.sweep_age() is 'Staff: seconds since the sweep last finished; null: it never did.';
