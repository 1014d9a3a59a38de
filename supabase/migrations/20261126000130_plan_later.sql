-- What the team wants sent holds for bookings that exist, which may be many: they are planned again by the sweep.

create table private.plans_waiting (
    booking_id uuid primary key references public.bookings (id) on delete cascade,
    since timestamptz not null default now()
);
create index plans_waiting_since on private.plans_waiting (since);

create function private.plan_after_settings() returns trigger
    language plpgsql security definer set search_path = '' as $$
begin
    insert into private.plans_waiting (booking_id)
    select b.id from public.bookings b
    where b.starts_at > now() and b.status = 'confirmed' and exists (
        select 1 from changed c where c.event_type_id is null or c.event_type_id = b.event_type_id)
    on conflict (booking_id) do update set since = excluded.since;  -- waits for who is just planning it
    return null;
end $$;
create trigger event_type_settings_made after insert on public.event_type_settings
    referencing new table as changed for each statement execute function private.plan_after_settings();
create trigger event_type_settings_changed after update on public.event_type_settings
    referencing new table as changed for each statement execute function private.plan_after_settings();
create trigger event_type_settings_removed after delete on public.event_type_settings
    referencing old table as changed for each statement execute function private.plan_after_settings();

-- Plans bookings that wait for it, those first that wait longest. → how many
create function private.plan_waiting(p_limit integer) returns jsonb
    language plpgsql security definer set search_path = '' as $$
declare
    v_ids constant uuid[] := array(
        select w.booking_id from private.plans_waiting w order by w.since limit p_limit for update skip locked);
begin
    perform 1 from public.bookings b where b.id = any (v_ids) order by b.id for share;
    perform private.lock_people(v_ids);
    perform private.plan(i.id, 'all') from unnest(v_ids) i (id);
    delete from private.plans_waiting w where w.booking_id = any (v_ids);
    return to_jsonb(cardinality(v_ids));
end $$;
create function public.plan_waiting(p_limit integer) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.plan_waiting(p_limit) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.plan_waiting(integer) from public, anon, authenticated;
grant execute on function private.plan_waiting(integer), public.plan_waiting(integer) to service_role;
comment on table private.plans_waiting is 'Bookings whose messages are to be planned again by the sweep.';
comment on function public.plan_waiting(integer) is 'Plans at most p_limit bookings whose settings changed. → how many';
