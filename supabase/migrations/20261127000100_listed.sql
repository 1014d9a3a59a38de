-- What lists are ordered and chosen by, kept beside the rows that it comes from, so that each list is read from an index
-- in its own order, whatever number of bookings there are.

-- A host's bookings in their order, and by event type.
alter table private.booking_hosts add column starts_at timestamptz, add column event_type_id bigint;
update private.booking_hosts h set starts_at = b.starts_at, event_type_id = b.event_type_id
from public.bookings b where b.id = h.booking_id;
alter table private.booking_hosts alter column starts_at set not null;
drop index private.booking_hosts_email;
create index booking_hosts_list on private.booking_hosts (email, starts_at, booking_id);
create index booking_hosts_event_type on private.booking_hosts (email, event_type_id, starts_at, booking_id);

-- The messages that a list may show as a booking's last one: a reminder counts once it has left. One row a message, so
-- whoever writes a message waits for nobody else here.
create table private.listed_messages (
    notification_id uuid primary key references public.notifications (id) on delete cascade,
    booking_id uuid not null,
    starts_at timestamptz not null,  -- the booking's
    status text not null,
    at timestamptz not null
);
create index listed_messages_status on private.listed_messages (status, starts_at, booking_id);
create index listed_messages_booking on private.listed_messages (booking_id, at);

create index bookings_created on public.bookings (created_at);

-- When a message that counts is dated. Null: it does not count.
create function private.listed_at(n public.notifications) returns timestamptz
    language sql immutable set search_path = '' as $$
    select case n.kind when 'reminder' then n.sent_at else n.created_at end
$$;

insert into private.listed_messages (notification_id, booking_id, starts_at, status, at)
select n.id, n.booking_id, b.starts_at, n.status, private.listed_at(n)
from public.notifications n join public.bookings b on b.id = n.booking_id
where private.listed_at(n) is not null;

create function private.list_message() returns trigger
    language plpgsql set search_path = '' as $$
begin
    insert into private.listed_messages as m (notification_id, booking_id, starts_at, status, at)
    select new.id, new.booking_id, b.starts_at, new.status, case new.kind when 'reminder' then new.sent_at else new.created_at end
    from public.bookings b where b.id = new.booking_id
    on conflict (notification_id) do update
    set booking_id = excluded.booking_id, starts_at = excluded.starts_at, status = excluded.status, at = excluded.at;
    return null;
end $$;
create trigger notifications_listed after insert on public.notifications
    for each row when (new.kind <> 'reminder' or new.sent_at is not null) execute function private.list_message();
create trigger notifications_listed_anew after update of status, sent_at, booking_id on public.notifications
    for each row when ((new.kind <> 'reminder' or new.sent_at is not null)
        and (old.status, old.sent_at, old.booking_id) is distinct from (new.status, new.sent_at, new.booking_id))
    execute function private.list_message();

create function private.list_host() returns trigger
    language plpgsql set search_path = '' as $$
begin
    select b.starts_at, b.event_type_id into new.starts_at, new.event_type_id
    from public.bookings b where b.id = new.booking_id;
    return new;
end $$;
create trigger booking_hosts_listed before insert or update of booking_id on private.booking_hosts
    for each row execute function private.list_host();

create function private.list_booking_anew() returns trigger
    language plpgsql set search_path = '' as $$
begin
    update private.booking_hosts h set starts_at = new.starts_at, event_type_id = new.event_type_id where h.booking_id = new.id;
    if new.starts_at <> old.starts_at then
        update private.listed_messages m set starts_at = new.starts_at where m.booking_id = new.id;
    end if;
    return null;
end $$;
create trigger bookings_listed_anew after update of starts_at, event_type_id on public.bookings
    for each row when (old.starts_at <> new.starts_at or old.event_type_id is distinct from new.event_type_id)
    execute function private.list_booking_anew();

revoke execute on all functions in schema private from public, anon;
comment on table private.listed_messages is 'Which messages may be the last one of a booking, by the booking''s start.';
comment on column private.listed_messages.at is 'Of a reminder when it left, else when it was planned.';
comment on column private.booking_hosts.starts_at is 'The booking''s.';
comment on column private.booking_hosts.event_type_id is 'The booking''s.';
