-- All that a booking's page shows, in one question. What is not the caller's to see is not in it: row-level security
-- chooses among people, notes, events and messages.

create function private.is_recurring(p_booking_id uuid) returns boolean
    language sql stable security definer set search_path = '' as $$
    -- Cal.com names a series only from its second booking on.
    select private.my_part_in(p_booking_id) is not null and exists (
        select 1 from private.reports r where r.booking_id = p_booking_id and r.recurring)
$$;

create function public.booking_page(p_booking_id uuid) returns jsonb
    language plpgsql stable security invoker set search_path = '' as $$
declare
    v_id constant uuid := private.current_booking_id(p_booking_id);
    v_booking constant jsonb := private.my_booking(v_id);
    v_actions jsonb;
begin
    if v_booking is null then
        return null;
    end if;
    v_actions := private.booking_actions(v_id);
    return jsonb_build_object(
        'booking', v_booking || jsonb_build_object('recurring', v_booking -> 'series_id' <> 'null' or private.is_recurring(v_id)),
        'attendees', (
            select coalesce(jsonb_agg(to_jsonb(a) order by a.removed_at nulls first, a.role, a.name, a.id), '[]')
            from public.booking_attendees a where a.booking_id = v_id),
        'notes', (
            select coalesce(jsonb_agg(to_jsonb(n) - 'author_id' || jsonb_build_object('mine', n.author_id = auth.uid())
                order by n.created_at, n.id), '[]')
            from public.booking_notes n where n.booking_id = v_id),
        'timeline', (
            select coalesce(jsonb_agg(to_jsonb(t) - 'ordinality' order by t.ordinality), '[]')
            from public.booking_timeline(v_id) with ordinality t),
        'actions', v_actions,
        'reach', case v_actions ->> 'part' when 'staff' then private.booking_reach(v_id) end);
end $$;

revoke execute on function private.is_recurring(uuid) from public, anon;
revoke execute on function public.booking_page(uuid) from public, anon, service_role;
grant execute on function private.is_recurring(uuid), public.booking_page(uuid) to authenticated;
comment on function public.booking_page(uuid) is
    '{"booking", "attendees", "notes", "timeline", "actions", "reach" (staff)}, as my_booking, booking_timeline, '
    'booking_actions and booking_reach have them; null: not a booking of the caller. Who was removed gets title, times and '
    'status, and what they were told.';
