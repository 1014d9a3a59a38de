create function private.redact_erased(p_change jsonb) returns jsonb language sql set search_path = '' as $$ select p_change $$;
create function private.redact_erased_body(p_body jsonb) returns jsonb language sql set search_path = '' as $$ select p_body $$;
