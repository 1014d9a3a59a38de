-- What became of a message, or will become of it, in plain English. Pages may say it in other languages by its codes.

-- 90 → '1 hour 30 minutes', 20160 → '2 weeks'. Weeks only where they are whole.
create function private.in_words(p_minutes integer) returns text
    language sql immutable set search_path = '' as $$
    select string_agg(p.count || ' ' || p.unit || case when p.count = 1 then '' else 's' end, ' ' order by p.place)
    from (values (1, 'week', case when p_minutes % 10080 = 0 then p_minutes / 10080 else 0 end),
                 (2, 'day', case when p_minutes % 10080 = 0 then 0 else p_minutes / 1440 end),
                 (3, 'hour', p_minutes % 1440 / 60),
                 (4, 'minute', p_minutes % 60)) p (place, unit, count)
    where p.count > 0
$$;

-- 'Europe/Paris, UTC+1', as it is at that instant.
create function private.zone_in_words(p_at timestamptz, p_zone text) returns text
    language sql stable set search_path = '' as $$
    select concat_ws(', ', nullif(p_zone, 'UTC'), 'UTC' || case when o.minutes = 0 then '' else
        case when o.minutes < 0 then '-' else '+' end || abs(o.minutes) / 60
        || case when o.minutes % 60 = 0 then '' else to_char(abs(o.minutes) % 60, 'FM":"00') end end)
    from (select (extract(epoch from (p_at at time zone p_zone) - (p_at at time zone 'UTC')) / 60)::integer as minutes) o
$$;

-- 'Thu 3 Dec 2026 09:00 (Europe/Paris, UTC+1)'; of what has happened with its seconds.
create function private.moment(p_at timestamptz, p_zone text, p_happened boolean) returns text
    language sql stable set search_path = '' as $$
    select to_char(p_at at time zone p_zone, 'Dy FMDD Mon YYYY HH24:MI' || case when p_happened then ':SS' else '' end)
        || ' (' || private.zone_in_words(p_at, p_zone) || ')'
$$;

create function private.kind_in_words(n public.notifications) returns text
    language sql immutable set search_path = '' as $$
    select w.words || case n.channel when 'sms' then ' by text' else ' by e-mail' end
        || coalesce(' ' || private.in_words(n.lead_minutes) || ' before', '')
    from (values ('requested', 'Acknowledgement of the request'), ('confirmation', 'Confirmation'),
                 ('rescheduled', 'Notice of the new time'), ('updated', 'Notice of changed details'),
                 ('cancelled', 'Cancellation'), ('rejected', 'Notice that it was declined'),
                 ('pick_new_time', 'Request to pick a new time'), ('reminder', 'Reminder')) w (kind, words)
    where w.kind = n.kind
$$;

-- Why an address or number is not written to. `p_call`: what staff are to do about it.
create function private.suppression_in_words(p_channel text, p_address text, p_call text) returns text
    language sql stable set search_path = '' as $$
    select coalesce(
        (select w.words || case s.reason when 'erased' then '' else p_call end
         from public.suppressions s
         join (values ('email', 'bounced', 'this address bounced (permanent)'),
                      ('email', 'complained', 'an e-mail to this address was marked as spam'),
                      ('sms', 'bounced', 'this number takes no texts (permanent)'),
                      ('sms', 'stopped', 'this number answered STOP to our texts'),
                      ('email', 'erased', 'the data of this person was erased')) w (channel, reason, words)
           on w.channel = s.channel and w.reason = s.reason
         where s.channel = p_channel and s.address = p_address),
        case p_channel when 'sms' then 'this number gets no texts any more' else 'this address gets no e-mail any more' end
            || p_call)
$$;

-- Why a message was skipped.
create function private.reason_in_words(n public.notifications, p_call text) returns text
    language plpgsql stable set search_path = '' as $$
declare
    b public.bookings;
    a public.booking_attendees;
    w public.notification_preferences;
    v_lead constant text := private.in_words(n.lead_minutes);
begin
    select * into b from public.bookings x where x.id = n.booking_id;
    select * into a from public.booking_attendees x where x.id = n.attendee_id;
    w := private.wishes_of(a.email);
    return coalesce(case n.reason
        when 'opted_out' then case
            when n.channel = 'email' and not w.email_reminders then 'reminders by e-mail are switched off'
            when n.channel = 'sms' and a.email is not null and not w.sms_reminders then 'reminders by text are switched off'
            else 'a reminder ' || v_lead || ' before was not wanted' end
        when 'no_consent' then 'the number was not confirmed or consent is missing'
        when 'suppressed' then private.suppression_in_words(n.channel, n.recipient, p_call)
        when 'superseded' then case
            when a.removed_at is not null and n.kind <> 'cancelled' then 'this person does not take part any more'
            when b.status in ('cancelled', 'rejected') and n.kind not in ('cancelled', 'rejected', 'pick_new_time')
                then 'the booking was ' || case b.status when 'cancelled' then 'cancelled' else 'declined' end
            when n.starts_at <> b.starts_at then 'the booking was moved'
            when n.kind = 'reminder' then 'the booking has changed'
            else 'there was newer news, or none any more' end
        when 'inside_window' then case
            when n.starts_at - n.lead_minutes * interval '1 minute' <= b.created_at
                then 'the booking was made less than ' || v_lead || ' before'
            else 'it was less than ' || v_lead || ' before when the booking was moved or the reminder was chosen' end
        when 'quiet_hours' then 'it would come in quiet hours, and no other time before the meeting is left'
        when 'merged' then 'another reminder leaves at the same time'
        when 'imported' then 'the booking was taken over with what was known before; that is no news'
        when 'not_wanted_by_team' then case
            when (select o.stopped from private.outbox o where o.notification_id = n.id) then 'staff skipped it'
            else 'the team does not send this kind of message' end
        when 'staff' then 'members of the team get no messages about their own bookings'
        when 'started' then 'the meeting had begun'
    end, n.reason);
end $$;

-- What is to leave, and when.
create function private.plan_in_words(n public.notifications, o private.outbox, p_zone text) returns text
    language sql stable set search_path = '' as $$
    select private.kind_in_words(n) || case
        when o.tries > 0 or o.try_at > greatest(n.due_at, now()) then
            case o.tries when 0 then '' when 1 then ', tried once' else ', tried ' || o.tries || ' times' end
            || ', next try ' || private.moment(o.try_at, p_zone, true)
        when o.again then ', asked for by staff, leaves at once'
        when n.kind <> 'reminder' then ', leaves at once'
        when n.due_at = l.at then ', ' || private.moment(n.due_at, p_zone, false)
        else ', moved from ' || to_char(l.at at time zone p_zone, case
                when (l.at at time zone p_zone)::date = (n.due_at at time zone p_zone)::date then 'HH24:MI'
                else 'Dy FMDD Mon HH24:MI' end)
            || ' to ' || private.moment(n.due_at, p_zone, false) || ' because of quiet hours' end
    from (select n.starts_at - n.lead_minutes * interval '1 minute' as at) l
$$;

create function private.bounce_in_words(n public.notifications, p_call text) returns text
    language sql immutable set search_path = '' as $$
    select case
        when n.channel = 'sms' then 'Not delivered: the phone or its network did not take it'
        when n.reason = 'permanent: suppressed' then 'Not delivered: the provider does not write to this address any more'
        when n.reason = 'failed' then 'Not delivered: the provider could not send it'
        else 'Bounced: the mail server of this address did not take it' end
        || case when n.reason like 'permanent: %' then ' (permanent)' || p_call else '' end
$$;

create function private.says(n public.notifications) returns text
    language plpgsql stable security definer set search_path = '' as $$
declare
    o private.outbox;
    v_zone constant text := private.known_zone(n.time_zone);
    v_sent constant text := private.moment(n.sent_at, v_zone, true);
    v_call constant text := case when private.holds(n.booking_id) then ' — call instead' else '' end;
begin
    select * into o from private.outbox x where x.notification_id = n.id;
    return case n.status
        when 'planned' then private.plan_in_words(n, o, v_zone)
        when 'sending' then case
            when o.lease is null then 'No clear answer yet; the same message is posted again '
                || private.moment(o.try_at, v_zone, true)
            else 'Being sent' end
        when 'unknown' then 'In doubt: the provider did not answer; not sent again'
        when 'failed' then 'Failed: the provider did not accept it'
            || case when n.attempts > 1 then ', tried ' || n.attempts || ' times' else '' end
        when 'sent' then 'Sent ' || v_sent || ', not confirmed by the provider'
        when 'delivered' then 'Delivered ' || coalesce(private.moment(
            (select min(r.occurred_at) from private.receipts r
             where r.event = 'delivered'
               and (r.notification_id = n.id or r.channel = n.channel and r.provider_id = n.provider_id)), v_zone, true), v_sent)
        when 'bounced' then private.bounce_in_words(n, v_call)
        when 'complained' then 'Marked as spam by its recipient; no more is sent to this address' || v_call
        when 'skipped' then 'Not sent: ' || private.reason_in_words(n, v_call)
    end;
end $$;

revoke execute on all functions in schema private from public, anon;
grant execute on function private.says(public.notifications) to authenticated;
comment on function private.says(public.notifications) is
    'One sentence: what will be sent when, how it ended, or why it is not sent. Times in the recipient''s zone, as named.';
