-- The booking that people see is a pure function of its set of reports: whatever the order, the same facts give the
-- same booking. Nothing here reads a clock or writes.

-- → {"booking": {…}, "people": [{…}], "nodes": [{…}], "hosts": [address], "sequence": n, "moved": bool, …}
create function private.derive(p_booking_id uuid) returns jsonb
    language plpgsql stable set search_path = '' set timezone = 'UTC' as $$
begin return (  -- plpgsql keeps the plan of this one statement; a function in SQL would plan it at each call
with recursive
own as (
    select r.* from private.reports r where r.booking_id = p_booking_id
),
-- A node is a uid with its numeric id.
pairs as (
    select o.uid, o.calcom_id from own o where o.uid is not null and o.calcom_id is not null and o.phase >= 0
    union
    select o.rescheduled_from_uid, o.rescheduled_from_id
    from own o
    where not o.seated and o.rescheduled_from_uid is not null and o.rescheduled_from_id is not null and o.phase >= 0
),
numbered as (
    select p.calcom_id, min(p.uid) as uid from pairs p group by p.calcom_id
),
said as (
    select o.*, coalesce(o.uid, n.uid, '#' || o.calcom_id) as node,
        row_number() over (order by o.at, o.phase, o.key) as ord
    from own o left join numbered n on n.calcom_id = o.calcom_id
    where o.phase >= 0
),
edges as (
    select coalesce(s.rescheduled_from_uid, n.uid, '#' || s.rescheduled_from_id) as old, s.node as new
    from said s left join numbered n on n.calcom_id = s.rescheduled_from_id
    where not s.seated and coalesce(s.rescheduled_from_uid, n.uid, '#' || s.rescheduled_from_id) <> s.node
    union
    select s.node, s.rescheduled_to_uid from said s where not s.seated and s.rescheduled_to_uid <> s.node
),
node_names as (
    select s.node, coalesce(max(s.calcom_id), (select max(p.calcom_id) from pairs p where p.uid = s.node)) as calcom_id,
        min(s.at) as first_at, bool_or(s.seated) as seated,
        (array_agg(s.series order by s.ord) filter (where s.series is not null))[1] as series,
        (array_agg(s.starts_at order by s.ord desc) filter (where s.starts_at is not null))[1] as starts_at,
        (array_agg(s.requires_confirmation order by s.ord desc)
            filter (where s.requires_confirmation is not null))[1] as on_request
    from said s group by s.node
),
-- Hosts and team are not attendees, unless they booked.
team as (
    select s.node, s.host ->> 'email' as email from said s where s.host ->> 'email' is not null
    union select s.node, t.email from said s, jsonb_array_elements_text(s.team) t (email)
    except select s.node, s.booker from said s where s.booker is not null
),
listed as (
    select s.node, s.ord, s.at, s.phase, s.key, s."trigger", s.status, p.place, p.person,
        coalesce(p.person ->> 'email', p.person ->> 'phone') as who
    from said s, jsonb_array_elements(s.people) with ordinality p (person, place)
    where coalesce(p.person ->> 'email', p.person ->> 'phone') is not null
      and (s.node, coalesce(p.person ->> 'email', '')) not in (select t.node, t.email from team t)
),
-- Seats: for each person the last word counts.
seat_uids as (
    select distinct l.node, l.who, l.person ->> 'seat' as seat from listed l where l.person ->> 'seat' is not null
),
away_keys as materialized (
    select n.node, 'left:' || n.node as key from node_names n where n.seated
    union
    select u.node, x.key
    from seat_uids u join node_names n on n.node = u.node and n.seated
    cross join lateral (values ('seat:' || u.seat), ('left:' || u.seat)) x (key)
),
moves as materialized (  -- one index read a key, however many reports there are
    select distinct on (a.node, m.id) a.node, m.*
    from away_keys a
    cross join lateral (
        select r.* from private.report_keys k join private.reports r on r.id = k.report_id
        where k.key = a.key and r."trigger" = 'RESCHEDULED' and r.seated offset 0) m
    order by a.node, m.id
),
moved_away as (
    select m.node, p.who, m.at, m.phase, m.key
    from moves m
    join node_names n on n.node = m.node
    cross join lateral (
        select coalesce(x.person ->> 'email', x.person ->> 'phone') as who, x.person ->> 'seat' as seat
        from jsonb_array_elements(m.people) x (person)) p
    where m.uid is distinct from m.node and not (m.uid is null and m.calcom_id is not distinct from n.calcom_id)
      and (m.rescheduled_from_uid = m.node
           or (m.node, p.who, p.seat) in (select u.node, u.who, u.seat from seat_uids u)
           or (m.node, p.who, m.rescheduled_from_uid) in (select u.node, u.who, u.seat from seat_uids u))
),
seat_words as (
    select l.node, l.who, l.at, l.phase, l.key, l."trigger" <> 'CANCELLED' as inside
    from listed l
    where l."trigger" <> 'REJECTED' and (l."trigger" <> 'API' or coalesce(l.status, '') not in ('cancelled', 'rejected'))
    union all
    select s.node, w.who, s.at, s.phase, s.key, false
    from said s join (select distinct l.node, l.who from listed l) w on w.node = s.node
    where s."trigger" = 'API' and coalesce(s.status, '') not in ('cancelled', 'rejected') and s.people is not null
      and not exists (select 1 from listed l where l.ord = s.ord and l.who = w.who)
    union all
    select a.node, a.who, a.at, a.phase, a.key, false
    from moved_away a
    where exists (select 1 from listed l where l.node = a.node and l.who = a.who)
),
seats as (
    select distinct on (w.node, w.who) w.node, w.who, w.inside, w.at
    from seat_words w join node_names n on n.node = w.node and n.seated
    order by w.node, w.who, w.at desc, w.phase desc, w.key desc, w.inside
),
-- One CANCELLED for a whole series closes what starts at or after its start, also what is heard of later.
closed as (
    select distinct on (n.node) n.node, c.at, c.phase, c.key, c.reason, c.by
    from node_names n
    join private.report_keys k on k.key = 'series:' || n.series
    join private.reports c on c.id = k.report_id and c."trigger" = 'CANCELLED' and c.recurring and not c.seated
        and c.starts_at <= n.starts_at
    where not exists (
        select 1 from said s
        where s.node = n.node and s."trigger" = 'API' and s.status = 'accepted'
          and (s.at, s.phase, s.key) > (c.at, c.phase, c.key))
    order by n.node, c.at desc, c.phase desc, c.key desc
),
nodes as (
    select n.node, n.calcom_id, n.first_at, n.seated, n.series,
        bool_or(s."trigger" = 'CREATED'
            or s."trigger" in ('RESCHEDULED', 'LOCATION_UPDATED', 'REASSIGNED', 'API') and s.status = 'accepted'
            or s."trigger" = 'PAID' and s.status = 'accepted' and n.on_request is not true) as accepted,
        bool_or(s."trigger" = 'PAYMENT_INITIATED')
            and not bool_or(s."trigger" in ('CREATED', 'PAID') or s."trigger" = 'API' and s.status = 'accepted') as unpaid,
        bool_or(s."trigger" = 'REJECTED' or s."trigger" = 'API' and s.status = 'rejected') as rejected,
        bool_or(s."trigger" = 'CANCELLED' and not n.seated or s."trigger" = 'API' and s.status = 'cancelled')
            or exists (select 1 from closed c where c.node = n.node)
            or n.seated and exists (select 1 from seats p where p.node = n.node)
               and not exists (select 1 from seats p where p.node = n.node and p.inside) as cancelled,
        bool_or(s."trigger" = 'CANCELLED' and s.reschedule_requested) as asked_to_move
    from node_names n join said s on s.node = n.node
    group by n.node, n.calcom_id, n.first_at, n.seated, n.series
),
-- The head: no named successor, greatest number; a living one of a common ancestor if that has ended.
tips as (
    select n.* from nodes n
    where not exists (select 1 from edges e where e.old = n.node)
       or not exists (select 1 from nodes m where not exists (select 1 from edges e where e.old = m.node))
),
last_tip as (
    select t.* from tips t order by t.calcom_id desc nulls last, t.first_at desc, t.node desc limit 1
),
ancestors (node) as (
    select t.node from last_tip t
    union
    select e.old from edges e join ancestors a on a.node = e.new
),
descendants (node) as (
    select a.node from ancestors a
    union
    select e.new from edges e join descendants d on d.node = e.old
),
head as (
    select t.* from tips t
    left join last_tip l on l.node = t.node
    where l.node is not null
       or not (t.cancelled or t.rejected) and t.node in (select d.node from descendants d)
    order by (t.cancelled or t.rejected), l.node is not null desc, t.calcom_id desc nulls last, t.first_at desc, t.node desc
    limit 1
),
facts as (  -- of the head: each field from the newest report that has it
    select
        (array_agg(s.starts_at order by s.ord desc) filter (where s.starts_at is not null))[1] as starts_at,
        (array_agg(s.ends_at order by s.ord desc) filter (where s.ends_at is not null))[1] as ends_at,
        (array_agg(s.title order by s.ord desc) filter (where s.title is not null))[1] as title,
        (array_agg(s.description order by s.ord desc) filter (where s.description is not null))[1] as description,
        (array_agg(s.event_type_id order by s.ord desc) filter (where s.event_type_id is not null))[1] as event_type_id,
        (array_agg(s.event_type_slug order by s.ord desc) filter (where s.event_type_slug is not null))[1] as event_type_slug,
        (array_agg(s.event_type_title order by s.ord desc) filter (where s.event_type_title is not null))[1] as event_type_title,
        (array_agg(s.location order by s.ord desc) filter (where s.location is not null))[1] as location,
        (array_agg(s.meeting_url order by s.ord desc) filter (where s.meeting_url is not null
            and (s.location is null or s.location ~ '^(integrations:|https?://)')))[1] as video_url,
        (array_agg(s.host order by s.ord desc) filter (where coalesce(s.host ->> 'email', s.host ->> 'name') is not null))[1] as host,
        (array_agg((s.host -> 'hidden')::boolean order by s.ord desc) filter (where s.host -> 'hidden' is not null))[1] as hidden,
        (array_agg(s.team order by s.ord desc) filter (where s.team <> '[]'))[1] as team,
        (array_agg(s.seats order by s.ord desc) filter (where s.seats is not null))[1] as seats,
        (array_agg(s.booker order by s.ord desc) filter (where s.booker is not null))[1] as booker,
        (array_agg(s.ord order by s.ord desc) filter (where s.people is not null))[1] as list_ord,
        (array_agg(s.at order by s.ord desc) filter (where s.people is not null))[1] as list_at,
        (array_agg(s.rescheduled_from_starts_at order by s.ord desc)
            filter (where s.rescheduled_from_starts_at is not null))[1] as moved_from,
        max(s.updated_at) as updated_at, max(s.at) as last_at
    from said s join head h on h.node = s.node
),
ending as (
    select
        (array_agg(e.reason order by e.at desc, e.phase desc, e.key desc) filter (where e.reason is not null))[1] as reason,
        (array_agg(e.by order by e.at desc, e.phase desc, e.key desc) filter (where e.by is not null))[1] as by
    from (
        select s.at, s.phase, s.key, s.by,
            -- Why a seat was left is between that person and the staff.
            case when not (h.seated and s."trigger" = 'CANCELLED') then s.reason end as reason
        from said s join head h on h.node = s.node
        where s."trigger" in ('CANCELLED', 'REJECTED') or s."trigger" = 'API' and s.status in ('cancelled', 'rejected')
        union all
        select c.at, c.phase, c.key, c.by,
            case when not (h.seated and exists (select 1 from said s where s.node = h.node and s.key = c.key)) then c.reason end
        from closed c join head h on h.node = c.node
    ) e
),
persons as (
    select l.who, h.seated, f.booker,
        case when h.seated then coalesce((select p.inside from seats p where p.node = h.node and p.who = l.who), bool_or(l.node = h.node))
             else bool_or(l.node = h.node and l.ord = f.list_ord) end as inside,
        min(l.place) filter (where l.node = h.node and l.ord = f.list_ord) as place,
        case when h.seated then coalesce((select p.at from seats p where p.node = h.node and p.who = l.who), f.last_at)
             else coalesce(f.list_at, f.last_at) end as said_at,
        (array_agg(l.person ->> 'email' order by l.ord desc) filter (where l.person ->> 'email' is not null))[1] as email,
        (array_agg(l.person ->> 'name' order by l.node = h.node desc, l.ord desc) filter (where l.person ->> 'name' is not null))[1] as name,
        (array_agg(l.person ->> 'phone' order by l.node = h.node desc, l.ord desc) filter (where l.person ->> 'phone' is not null))[1] as phone,
        (array_agg(l.person ->> 'time_zone' order by l.node = h.node desc, l.ord desc) filter (where l.person ->> 'time_zone' is not null))[1] as time_zone,
        (array_agg(l.person ->> 'locale' order by l.node = h.node desc, l.ord desc) filter (where l.person ->> 'locale' is not null))[1] as locale,
        (array_agg(l.person -> 'responses' order by l.node = h.node desc, l.ord desc) filter (where l.person -> 'responses' is not null))[1] as responses,
        bool_or(l.who in (select s.booker from said s where s.booker is not null)) as once_booked,
        coalesce((
            select (p.person -> 'absent')::boolean
            from own o left join numbered x on x.calcom_id = o.calcom_id
            cross join jsonb_array_elements(o.people) p (person)
            where o."trigger" in ('NO_SHOW', 'API') and p.person -> 'absent' is not null
              and coalesce(o.uid, x.uid, '#' || o.calcom_id) = h.node
              and coalesce(p.person ->> 'email', p.person ->> 'phone') = l.who
            order by o.at desc, o.phase desc, o.key desc limit 1), false) as absent
    from listed l, head h, facts f
    where coalesce(l.person ->> 'email', '') not in (select t.email from team t where t.node = h.node)
    group by l.who, h.node, h.seated, f.booker, f.list_at, f.last_at
),
people as (
    select p.*, case
        when p.seated then 'seat'
        when not p.inside then case when p.once_booked then 'booker' else 'guest' end
        when p.who = p.booker then 'booker'
        when not exists (select 1 from persons b where b.who = p.booker and b.inside)
             and p.place = (select min(b.place) from persons b where b.inside) then 'booker'
        else 'guest' end as role
    from persons p
)
select jsonb_build_object(
    'booking', jsonb_build_object(
        'status', case when h.cancelled then 'cancelled' when h.rejected then 'rejected'
                       when h.unpaid then 'awaiting_payment' when h.accepted then 'confirmed' else 'pending' end,
        'reschedule_requested', h.cancelled and coalesce(h.asked_to_move, false),
        'title', case when h.seated then coalesce(f.event_type_title, f.title) else f.title end,
        'description', f.description,
        'event_type_id', f.event_type_id, 'event_type_slug', f.event_type_slug, 'event_type_title', f.event_type_title,
        'starts_at', f.starts_at, 'ends_at', greatest(coalesce(f.ends_at, f.starts_at), f.starts_at),
        'location', f.location,
        'meeting_url', case when f.location ~ '^https?://' then f.location
                            when coalesce(f.location, 'integrations:') like 'integrations:%' then f.video_url end,
        'host_name', f.host ->> 'name',
        'host_email', case when not coalesce(f.hidden, false) then f.host ->> 'email' end,
        'host_time_zone', f.host ->> 'time_zone',
        'seats', case when h.seated then f.seats end,
        'series_id', md5('series:' || h.series)::uuid,
        'cancellation_reason', case when h.cancelled or h.rejected then e.reason end,
        'cancelled_by', case when h.cancelled or h.rejected then coalesce(e.by, 'calcom') end),
    'ical_uid', coalesce(
        (select s.ical_uid from said s where s.ical_uid is not null order by s.ord limit 1),
        (select ltrim(s.node, '#') || '@Cal.com' from said s order by s.ord limit 1)),
    'sequence', coalesce((select max(s.ical_sequence) from said s), 0),
    'seated', h.seated,
    'moved', exists (select 1 from edges x where x.new = h.node),
    'moved_from', f.moved_from,
    'host_email', f.host ->> 'email',
    'host_locale', f.host ->> 'locale',
    'hosts', to_jsonb(array(select distinct x.email from (
        select f.host ->> 'email' union select t.email from jsonb_array_elements_text(f.team) t (email)) x (email)
        where x.email is not null order by 1)),
    'insiders', (select coalesce(jsonb_agg(distinct t.email), '[]') from team t),
    'two_heads', (select count(*) > 1 from tips t where not (t.cancelled or t.rejected)),
    'updated_at', coalesce(f.updated_at, f.last_at),
    'nodes', (select jsonb_agg(jsonb_build_object('uid', n.node, 'calcom_id', n.calcom_id, 'is_head', n.node = h.node)
                               order by n.node) from nodes n),
    'people', coalesce((select jsonb_agg(jsonb_build_object(
        'who', p.who, 'email', p.email, 'name', p.name, 'phone', p.phone, 'time_zone', p.time_zone, 'locale', p.locale,
        'role', p.role, 'absent', p.absent, 'responses', p.responses,
        'removed_at', case when not p.inside then p.said_at end) order by p.who) from people p), '[]'))
from head h, facts f, ending e
);
end $$;
revoke execute on function private.derive(uuid) from public, anon;
comment on function private.derive(uuid) is 'Pure: the set of a booking''s reports → the booking, its people and its chain.';
