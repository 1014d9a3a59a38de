-- Staff search by whole words and the beginning of the last, which stays fast at a million bookings. Trigrams remain for what
-- is no word (a part of an address, a number), and for parts of words.

alter table private.search_texts add column lexemes tsvector not null generated always as (
    to_tsvector('pg_catalog.simple', regexp_replace(words, '[^[:alnum:]]+', ' ', 'g'))) stored;
create index search_texts_lexemes on private.search_texts using gin (lexemes);
alter table private.search_texts alter column lexemes set statistics 1000;

-- What is asked of search_texts s for these words: a condition in SQL. Null: no words. The last word may be a beginning,
-- those before it are whole. If no booking has such words, parts of words will do; that is decided once for all bookings,
-- so that every page of a list is found in the same way.
create function private.search_condition(p_q text) returns text
    language plpgsql stable set search_path = '' set enable_seqscan = off as $$
declare
    v_words constant text[] := (
        select array_agg(w.word order by w.place)
        from (select x.* from regexp_split_to_table(p_q, '\s+') with ordinality x (word, place) where x.word <> '' limit 10) w);
    v_whole text[] := array(
        select w.word from unnest(v_words) with ordinality w (word, place)
        where w.word ~ '^[[:alpha:]]{2,}$' order by w.place);
    v_query tsquery := (array_to_string(v_whole, ' & ') || case when v_whole <> '{}' then ':*' else '' end)::tsquery;
begin
    if v_whole <> '{}' and not exists (select 1 from private.search_texts s where s.lexemes @@ v_query) then
        v_whole := '{}';
    end if;
    return nullif(concat_ws(' and ',
        case when v_whole <> '{}' then format('s.lexemes @@ %L::tsquery', v_query) end, (
        select string_agg(distinct format('s.words like %L', p.pattern), ' and ')
        from unnest(v_words) w (word) cross join unnest(private.search_patterns(w.word)) p (pattern)
        where w.word <> all (v_whole))), '');
end $$;

revoke execute on function private.search_condition(text) from public, anon;
comment on column private.search_texts.lexemes is 'The words, for searching by whole ones and by beginnings.';
