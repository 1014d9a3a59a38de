create function private.redact_erased_event(p_event jsonb) returns jsonb language sql set search_path = '' as $$ select p_event $$;
