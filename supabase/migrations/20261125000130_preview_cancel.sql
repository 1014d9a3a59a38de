-- What cancelling these bookings would change and whom it would tell: the real functions in a transaction that is rolled
-- back, row by row.
create function private.preview_cancel(p_booking_ids uuid[], p_batch_id uuid, p_reason text) returns jsonb
    language plpgsql security definer set search_path = '' set timezone = 'UTC' as $$
declare
    v_id uuid;
    v_begun jsonb;
    v_uid text;
    v_row jsonb;
    v_rows jsonb := '[]';
begin
    foreach v_id in array p_booking_ids loop
        begin
            -- Always as a batch, which only staff may do: who else calls this learns of nobody in the booking.
            v_begun := private.begin_action(private.current_booking_id(v_id), 'cancel', 'this', null, null, p_reason,
                coalesce(p_batch_id, gen_random_uuid()), null);
            v_row := jsonb_build_object('booking_id', v_id, 'outcome', coalesce(v_begun ->> 'refused', v_begun ->> 'outcome', 'would_cancel'),
                'messages', 0, 'tells', '[]'::jsonb);
            select n.uid into v_uid from private.booking_nodes n
            where n.booking_id = (v_begun ->> 'booking_id')::uuid and n.is_head;
            if v_uid like '#%' then  -- known by its number alone: Cal.com cannot be asked
                v_row := v_row || '{"outcome": "not_possible"}';
            elsif v_begun ->> 'state' = 'started' then
                perform private.apply_event(jsonb_build_object('source', 'action', 'notify', 'all', 'received_at', now(),
                    'changes', jsonb_build_array(jsonb_build_object('trigger', 'API', 'at', now(), 'uid', v_uid,
                        'status', 'cancelled', 'by', 'staff', 'reason', p_reason))));
                select v_row || jsonb_build_object('messages', count(*), 'tells', coalesce(jsonb_agg(distinct jsonb_build_object(
                    'name', coalesce(a.name, n.recipient), 'channel', n.channel, 'kind', n.kind)), '[]'))
                into v_row
                from public.notifications n join public.booking_attendees a on a.id = n.attendee_id
                where n.booking_id = (v_begun ->> 'booking_id')::uuid and n.created_at = now() and n.status = 'planned'
                  and n.kind <> 'reminder';
            end if;
            raise exception 'only looked' using errcode = 'PT299';
        exception
            when sqlstate 'PT299' then null;
            when sqlstate 'PT404' then v_row := jsonb_build_object('booking_id', v_id, 'outcome', 'not_found', 'messages', 0, 'tells', '[]'::jsonb);
        end;
        v_rows := v_rows || v_row;
    end loop;
    return v_rows;
end $$;

create function public.preview_cancel(p_booking_ids uuid[], p_batch_id uuid, p_reason text) returns jsonb
    language sql security invoker set search_path = '' as $$
    select private.preview_cancel(p_booking_ids, p_batch_id, p_reason)
$$;

revoke execute on function private.preview_cancel(uuid[], uuid, text) from public, anon;
revoke execute on function public.preview_cancel(uuid[], uuid, text) from public, anon, service_role;
grant execute on function private.preview_cancel(uuid[], uuid, text) to authenticated;
grant execute on function public.preview_cancel(uuid[], uuid, text) to authenticated;
comment on function public.preview_cancel(uuid[], uuid, text) is
    '[{"booking_id", "outcome": "would_cancel" | why not, "messages": n, "tells": [{"name", "channel", "kind"}]}]; nothing changes.';
