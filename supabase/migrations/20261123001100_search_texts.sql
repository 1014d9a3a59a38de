-- What staff search in, kept beside each booking: one index for title, host, people and calendar UID together.
create table private.search_texts (
    booking_id uuid primary key references public.bookings (id) on delete cascade,
    words text not null
);
create index search_texts_words on private.search_texts using gin (words extensions.gin_trgm_ops);
-- Rare and frequent words want different plans.
alter table private.search_texts alter column words set statistics 1000;

-- Called by whoever writes a booking or its people.
create function private.refresh_search_texts(p_booking_ids uuid[]) returns void
    language sql set search_path = '' as $$
    insert into private.search_texts as s (booking_id, words)
    select b.id, lower(concat_ws(' ', b.title, b.event_type_title, b.host_name, d.host_email, b.ical_uid, (
        select string_agg(concat_ws(' ', a.name, a.email, a.phone), ' ' order by a.id)
        from public.booking_attendees a where a.booking_id = b.id)))
    from public.bookings b left join private.booking_details d on d.booking_id = b.id
    where b.id = any (p_booking_ids)
    on conflict (booking_id) do update set words = excluded.words where s.words <> excluded.words
$$;

revoke execute on all functions in schema private from public, anon;
comment on table private.search_texts is 'Lower-case words of a booking and its people.';
