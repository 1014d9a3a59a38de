-- A person who changes their own row through the API locks in the order of all writers too: before the row itself.
create function private.lock_before_wish() returns trigger
    language plpgsql security definer set search_path = '' as $$
begin
    if private.my_email() is not null then
        perform private.lock_to_wish(private.my_email());
    end if;
    return null;
end $$;
create trigger notification_preferences_locks before insert or update on public.notification_preferences
    for each statement execute function private.lock_before_wish();

revoke execute on all functions in schema private from public, anon;
