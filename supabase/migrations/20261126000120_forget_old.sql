-- What is kept for a time only: bodies, receipts and the runs of jobs for 90 days, bytes of messages until they are settled.

create index webhook_events_with_body on public.webhook_events (received_at) where body is not null;
create index receipts_received on private.receipts (received_at);
create index outbox_batches_created on private.outbox_batches (created_at);

-- A part of what is past its time. → how many rows were forgotten
create function private.forget_old(p_limit integer) returns jsonb
    language sql security definer set search_path = '' as $$
    with bodies as (
        update public.webhook_events w set body = null
        where w.id in (
            select x.id from public.webhook_events x
            where x.body is not null and x.received_at < now() - interval '90 days' and x.outcome <> 'quarantined'
            order by x.received_at limit p_limit for update skip locked)
        returning 1
    ), receipts as (
        delete from private.receipts r
        where r.receipt_id in (
            select x.receipt_id from private.receipts x where x.received_at < now() - interval '90 days'
            order by x.received_at limit p_limit)
        returning 1
    ), runs as (
        delete from public.job_runs j
        where j.id in (
            select x.id from public.job_runs x
            where x.job = any ('{reminders,reconcile}') and x.started_at < now() - interval '90 days' and not x.heartbeat
            limit p_limit)
        returning 1
    ), bytes as (
        delete from private.outbox_batches b
        where b.created_at < now() - interval '2 days'
          and not exists (select 1 from private.outbox o where o.batch_key = b.key and o.open)
        returning 1
    )
    select to_jsonb((select count(*) from bodies) + (select count(*) from receipts) + (select count(*) from runs)
        + (select count(*) from bytes))
$$;

create function public.forget_old(p_limit integer) returns jsonb
    language sql security invoker set search_path = '' as $$ select private.forget_old(p_limit) $$;

revoke execute on all functions in schema private from public, anon;
revoke execute on function public.forget_old(integer) from public, anon, authenticated;
grant execute on function private.forget_old(integer), public.forget_old(integer) to service_role;
comment on function public.forget_old(integer) is
    'Housekeeping of the sweep: at most p_limit rows of each kind that are past their time. → how many were forgotten';
