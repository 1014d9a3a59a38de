-- Texts of which Twilio has not said the last word: it may have taken them (`unknown`), or its call about what became of
-- them was lost (`sent`). They are looked up there for a day, and never sent again.

create table private.texts_in_doubt (
    notification_id uuid primary key references public.notifications (id) on delete cascade,
    looks integer not null default 0,
    look_at timestamptz not null
);
create index texts_in_doubt_look_at on private.texts_in_doubt (look_at);

-- How long to wait before a look, after so many; null: no more of them. Calls come within minutes if they come: one
-- that Twilio certainly took has its first look later.
create function private.wait_before_look(p_looks integer) returns interval
    language sql immutable set search_path = '' as $$
    select (array['1 minute', '5 minutes', '30 minutes', '2 hours', '6 hours', '15 hours']::interval[])[p_looks + 1]
$$;

create function private.note_text_in_doubt() returns trigger
    language plpgsql security definer set search_path = '' as $$
declare
    v_looks constant integer := case new.status when 'unknown' then 0 else 1 end;
begin
    if new.status in ('unknown', 'sent') then
        insert into private.texts_in_doubt (notification_id, looks, look_at)
        values (new.id, v_looks, now() + private.wait_before_look(v_looks))
        on conflict (notification_id) do nothing;
    else
        delete from private.texts_in_doubt d where d.notification_id = new.id;
    end if;
    if old.status = 'unknown' then  -- its bytes were kept to find it by
        delete from private.outbox_batches p using private.outbox o
        where o.notification_id = new.id and p.key = o.batch_key;
    end if;
    return null;
end $$;
create trigger notifications_text_in_doubt after update of status on public.notifications
    for each row when (new.channel = 'sms' and new.status is distinct from old.status)
    execute function private.note_text_in_doubt();

-- The texts to look up now, each for this caller alone. After its last look a doubt stays as it is.
create function private.doubtful_texts(p_limit integer) returns jsonb
    language plpgsql security definer set search_path = '' set timezone = 'UTC' as $$
declare
    v_ids uuid[];
    v_rows jsonb;
begin
    v_ids := array(
        select d.notification_id from private.texts_in_doubt d where d.look_at <= now()
        order by d.look_at limit p_limit for update skip locked);
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', n.id, 'to', n.recipient, 'provider_id', n.provider_id, 'since', coalesce(o.first_tried_at, n.due_at),
        'payload', convert_from(p.payload, 'UTF8'),
        'known', array(select x.provider_id from public.notifications x
                       where x.channel = 'sms' and x.recipient = n.recipient and x.id <> n.id
                         and x.provider_id is not null and x.sent_at > now() - interval '3 days'))
        order by o.first_tried_at, o.seq), '[]')
    into v_rows
    from public.notifications n
    join private.outbox o on o.notification_id = n.id
    left join private.outbox_batches p on p.key = o.batch_key and n.provider_id is null
    where n.id = any (v_ids) and (n.provider_id is not null or p.key is not null);
    update private.texts_in_doubt d
    set looks = d.looks + 1, look_at = now() + private.wait_before_look(d.looks + 1)
    where d.notification_id = any (v_ids) and private.wait_before_look(d.looks + 1) is not null;
    -- Those whose last look this is.
    with ended as (
        delete from private.texts_in_doubt d where d.notification_id = any (v_ids) and d.look_at <= now()
        returning d.notification_id)
    delete from private.outbox_batches p using private.outbox o, ended e
    where o.notification_id = e.notification_id and p.key = o.batch_key;
    return v_rows;
end $$;

create function public.doubtful_texts(p_limit integer) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.doubtful_texts(p_limit) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.doubtful_texts(integer) from public, anon, authenticated;
grant execute on function private.doubtful_texts(integer), public.doubtful_texts(integer) to service_role;
comment on table private.texts_in_doubt is 'Texts to look up at Twilio; `looks` is how often that was done.';
comment on function public.doubtful_texts(integer) is
    '[{"id", "to", "provider_id", "since", "payload", "known": [ids of other messages]}]: without provider_id the text is '
    'found by its payload. What is found becomes a receipt.';
