-- A host who asks for another time frees the old one; whoever is asked may choose a new one whatever the notice and the
-- limits say. Otherwise as before.
create or replace function private.booking_actions(p_booking_id uuid) returns jsonb
    language plpgsql stable security definer set search_path = '' as $$
declare
    b public.bookings;
    s public.event_type_settings;
    v_part text := private.my_part_in(p_booking_id);
    v_moves bigint;
begin
    select * into b from public.bookings x where x.id = p_booking_id;
    if v_part is null or b.id is null then
        return null;
    end if;
    s := private.settings_for(b.event_type_id);
    select count(*) into v_moves
    from public.booking_events e
    where e.booking_id = b.id and e.actor_kind = 'client' and e.kind in ('moved', 'requested')
      and e.changes #>> '{starts_at,0}' is not null;
    return jsonb_build_object('booking_id', b.id, 'part', v_part,
        'cancel', private.action_of(b, v_part, s.min_cancel_notice, false),
        'move', case
            when not b.reschedule_requested
                then private.action_of(b, v_part, s.min_reschedule_notice, v_moves >= s.max_reschedules)
            else jsonb_build_object('allowed', v_part <> 'guest', 'until', null,
                'reason', case when v_part = 'guest' then 'not_allowed' end) end,
        'contact', s.contact);
end $$;
