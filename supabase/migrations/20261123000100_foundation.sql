-- What nobody was given, nobody has: each table and function below grants what it means to grant.
alter default privileges revoke execute on functions from public;
alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;

create schema if not exists extensions;
create extension if not exists pg_trgm with schema extensions;

-- The machinery. PostgREST does not expose it; `public` holds only what a browser may reach.
create schema private;
revoke all on schema private from public;
grant usage on schema private to authenticated, service_role;
comment on schema private is 'The machinery: reports, outbox, helpers of the policies. Never exposed through PostgREST.';
