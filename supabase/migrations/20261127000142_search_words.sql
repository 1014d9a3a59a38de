-- Staff search by the beginnings of words, which stays fast at a million bookings. Trigrams remain for what is no word (a part
-- of an address, a number) and for parts of words that no word begins with.

alter table private.search_texts add column lexemes tsvector not null generated always as (
    to_tsvector('pg_catalog.simple', regexp_replace(words, '[^[:alnum:]]+', ' ', 'g'))) stored;
create index search_texts_lexemes on private.search_texts using gin (lexemes);
alter table private.search_texts alter column lexemes set statistics 1000;

-- What is asked of search_texts s for these words: a condition in SQL. Null: no words. Whether words begin with what is
-- asked for is decided once for all bookings, so that every page of a list is found in the same way. The index is asked for
-- one word alone, the longest, which is likely the rarest: of a beginning it collects every booking before it compares.
create function private.search_condition(p_q text) returns text
    language plpgsql stable set search_path = '' as $$
declare
    v_words constant text[] := array(
        select distinct w.word from regexp_split_to_table(p_q, '\s+') w (word) where w.word <> '' order by w.word limit 10);
    v_begun text[] := array(
        select w.word from unnest(v_words) w (word) where w.word ~ '^[[:alpha:]]{2,}$'
        order by length(w.word) desc, w.word);
    v_beginnings text := (
        select string_agg(case w.place
            when 1 then format('s.lexemes @@ %L::tsquery', w.word || ':*')
            else format('(s.words || '''') ~ %L', '\m' || w.word) end, ' and ')
        from unnest(v_begun) with ordinality w (word, place));
    v_are_there boolean := false;
begin
    if v_beginnings is not null then
        execute 'select exists (select 1 from private.search_texts s where ' || v_beginnings || ')' into v_are_there;
    end if;
    if not v_are_there then
        v_begun := '{}';
        v_beginnings := null;
    end if;
    return nullif(concat_ws(' and ', v_beginnings, (
        select string_agg(format('s.words like %L', p.pattern), ' and ')
        from unnest(v_words) w (word) cross join unnest(private.search_patterns(w.word)) p (pattern)
        where w.word <> all (v_begun))), '');
end $$;

revoke execute on function private.search_condition(text) from public, anon;
comment on column private.search_texts.lexemes is 'The words, each by its beginnings.';
