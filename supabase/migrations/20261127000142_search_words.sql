-- Staff search by the beginnings of words, which stays fast at a million bookings. Trigrams remain for what is no word (a part
-- of an address, a number) and for parts of words that no word begins with.

alter table private.search_texts add column lexemes tsvector not null generated always as (
    to_tsvector('pg_catalog.simple', regexp_replace(words, '[^[:alnum:]]+', ' ', 'g'))) stored;
create index search_texts_lexemes on private.search_texts using gin (lexemes);
alter table private.search_texts alter column lexemes set statistics 1000;

-- What is asked of search_texts s for these words: a condition in SQL. Null: no words. Whether words begin with what is
-- asked for is decided once for all bookings, so that every page of a list is found in the same way.
create function private.search_condition(p_q text) returns text
    language plpgsql stable set search_path = '' as $$
declare
    v_words constant text[] := array(
        select distinct w.word from regexp_split_to_table(p_q, '\s+') w (word) where w.word <> '' order by w.word limit 10);
    v_begun text[] := array(select w.word from unnest(v_words) w (word) where w.word ~ '^[[:alpha:]]{2,}$');
    v_beginnings tsquery := (select string_agg(w.word || ':*', ' & ')::tsquery from unnest(v_begun) w (word));
begin
    if v_beginnings is null or not exists (select 1 from private.search_texts s where s.lexemes @@ v_beginnings) then
        v_begun := '{}';
        v_beginnings := null;
    end if;
    return (
        select string_agg(c.condition, ' and ')
        from (
            select format('s.lexemes @@ %L::tsquery', v_beginnings) where v_beginnings is not null
            union all
            select format('s.words like %L', p.pattern)
            from unnest(v_words) w (word) cross join unnest(private.search_patterns(w.word)) p (pattern)
            where w.word <> all (v_begun)
        ) c (condition));
end $$;

revoke execute on function private.search_condition(text) from public, anon;
comment on column private.search_texts.lexemes is 'The words, each by its beginnings.';
