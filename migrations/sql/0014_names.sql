-- The dictionary of names: which words stand in which published names, every word with one letter left out, and its French sound.
-- It follows practitioner_search by triggers, in the transaction that publishes: a word goes with its last holder.

CREATE TABLE name_token (
  part text COLLATE "C" NOT NULL CONSTRAINT ck_name_token_part CHECK (part IN ('family', 'given')),
  token text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  CONSTRAINT pk_name_token PRIMARY KEY (part, token, name)
);
CREATE INDEX ix_name_token_part_name ON name_token (part, name);

CREATE TABLE name_word (
  part text COLLATE "C" NOT NULL,
  word text COLLATE "C" NOT NULL,
  sound text COLLATE "C" NOT NULL,
  CONSTRAINT pk_name_word PRIMARY KEY (part, word)
);
CREATE INDEX ix_name_word_part_sound ON name_word (part, sound);

CREATE TABLE name_deletion (
  part text COLLATE "C" NOT NULL,
  deletion text COLLATE "C" NOT NULL,
  word text COLLATE "C" NOT NULL,
  CONSTRAINT pk_name_deletion PRIMARY KEY (part, deletion, word)
);

-- A family prefix with a given prefix: few rows, however short the family prefix is.
CREATE INDEX ix_practitioner_search_beginnings ON practitioner_search (left(family_key, 3), given_key, family_key, key);

CREATE FUNCTION name_particles() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT '{al,ben,d,da,de,den,der,di,do,dos,du,des,el,ep,epouse,et,l,la,le,les,nee,van,veuve,ven,von,vve,y}'::text[] $$;
COMMENT ON FUNCTION name_particles IS 'Words of a name by which alone nobody is looked for (app.practitioners.readings.PARTICLES).';

CREATE FUNCTION name_tokens(name text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
  SELECT w FROM regexp_split_to_table(name, ' ') w WHERE w <> '' AND w <> ALL (name_particles())
  UNION SELECT replace(name, ' ', '') WHERE name <> '' $$;
COMMENT ON FUNCTION name_tokens IS 'The words by which a folded name is found: those that are no particles, and all of it written as one.';

CREATE FUNCTION name_deletions(word text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
  SELECT word WHERE length(word) BETWEEN 3 AND 40
  UNION SELECT left(word, at - 1) || substr(word, at + 1) FROM generate_series(1, length(word)) at WHERE length(word) BETWEEN 3 AND 40 $$;
COMMENT ON FUNCTION name_deletions IS 'The word, and the word with one letter left out (app.spelling.deletions).';

CREATE FUNCTION name_sound(word text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
  -- Capitals are sounds: no later rule takes them for letters. The longer endings come before what they hold.
  rules CONSTANT text[] := ARRAY[
    '[^a-z]', '', '^h', '', 'ge(?=[aou])', 'j', 'c(?=[eiy]|ois)', 's', 'ch(?=[lr])', 'k', '(?<=[aeou])ill', 'i', 'bv', 'v', '(.)\1+', '\1', '(eau|au|o)(lts?|ds?|ts?|x|s)?$', 'o', 'eau|au', 'o', 'ph', 'f',
    'qu|q|ck|cq', 'k', 'sch|sh|ch', 'S', 'c', 'k', 'gn', 'N', 'gu(?=[eiy])', 'G', 'g(?=[eiy])', 'j',
    'th', 't', 'h', '', 'y', 'i', 'w', 'v', '(ain|ein|aim|in)(?![aeiou])|im(?=[bp])', 'I', '(an|en)(?![aeioun])|[ae]m(?=[bp])', 'A',
    'on(?![aeioun])|om(?=[bp])', 'O', 'ai|ei|(ee|er|ez|ets?)$', 'E', 'oeu|oe|eu', 'E', 'ou', 'u', 'z', 's',
    '(g|[xstdp]*e?s?)$', '', 'e', 'E', '(.)\1+', '\1'];
BEGIN
  FOR at IN 1 .. cardinality(rules) BY 2 LOOP
    word := regexp_replace(word, rules[at], rules[at + 1], 'g');
  END LOOP;
  RETURN word;
END $$;
COMMENT ON FUNCTION name_sound IS 'How a folded word sounds in French, roughly: two words that sound alike have the same.';

CREATE FUNCTION add_names(asked text, names text[]) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO name_token (part, token, name)
  SELECT asked, t, n FROM unnest(names) n CROSS JOIN LATERAL name_tokens(n) t
  ON CONFLICT DO NOTHING;
  WITH words AS (
    INSERT INTO name_word (part, word, sound)
    SELECT asked, w.word, name_sound(w.word)
    FROM (SELECT DISTINCT t AS word FROM unnest(names) n CROSS JOIN LATERAL name_tokens(n) t) w
    LEFT JOIN LATERAL (SELECT true AS known FROM name_word x WHERE x.part = asked AND x.word = w.word LIMIT 1) k ON true
    WHERE k.known IS NULL
    RETURNING word
  )
  INSERT INTO name_deletion (part, deletion, word) SELECT asked, d, w.word FROM words w CROSS JOIN LATERAL name_deletions(w.word) d;
END $$;
COMMENT ON FUNCTION add_names IS 'Enters names that were in no published name before. The caller holds the publication lock.';

CREATE FUNCTION remove_names(asked text, names text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  orphans text[];
BEGIN
  DELETE FROM name_token t USING unnest(names) n WHERE t.part = asked AND t.name = n;
  SELECT coalesce(array_agg(DISTINCT t), '{}') INTO orphans
  FROM unnest(names) n CROSS JOIN LATERAL name_tokens(n) t
  WHERE (SELECT true FROM name_token x WHERE x.part = asked AND x.token = t LIMIT 1) IS NULL;
  DELETE FROM name_word w USING unnest(orphans) o WHERE w.part = asked AND w.word = o;
  DELETE FROM name_deletion d USING unnest(orphans) o CROSS JOIN LATERAL name_deletions(o) f
  WHERE d.part = asked AND d.deletion = f AND d.word = o;
END $$;
COMMENT ON FUNCTION remove_names IS 'Takes out names that nobody published has any more, and the words that only they held.';

CREATE FUNCTION enter_names() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  families text[];
  givens text[];
BEGIN
  SELECT array_agg(DISTINCT e.family_key) FILTER (WHERE (SELECT true FROM name_token t WHERE t.part = 'family' AND t.name = e.family_key LIMIT 1) IS NULL),
         array_agg(DISTINCT e.given_key) FILTER (WHERE (SELECT true FROM name_token t WHERE t.part = 'given' AND t.name = e.given_key LIMIT 1) IS NULL)
  INTO families, givens FROM entered e;
  IF families IS NOT NULL THEN PERFORM add_names('family', families); END IF;
  IF givens IS NOT NULL THEN PERFORM add_names('given', givens); END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION enter_names IS 'After rows of practitioner_search came or changed: their new names.';

CREATE FUNCTION leave_names() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  families text[];
  givens text[];
BEGIN
  SELECT array_agg(DISTINCT l.family_key) FILTER (WHERE (SELECT true FROM practitioner_search s WHERE s.family_key = l.family_key LIMIT 1) IS NULL),
         array_agg(DISTINCT l.given_key) FILTER (WHERE (SELECT true FROM practitioner_search s WHERE s.given_key = l.given_key LIMIT 1) IS NULL)
  INTO families, givens FROM gone l;
  IF families IS NOT NULL THEN PERFORM remove_names('family', families); END IF;
  IF givens IS NOT NULL THEN PERFORM remove_names('given', givens); END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION leave_names IS 'After rows of practitioner_search went or changed: names without a holder.';

CREATE FUNCTION clear_names() RETURNS trigger
LANGUAGE plpgsql AS $$ BEGIN
  TRUNCATE name_token, name_word, name_deletion;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION clear_names IS 'After practitioner_search was emptied.';

CREATE FUNCTION fill_names(source regclass) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN
  TRUNCATE name_token, name_word, name_deletion;
  EXECUTE format('INSERT INTO name_token (part, token, name)
    SELECT n.part, t, n.name FROM (SELECT DISTINCT ''family'' AS part, family_key AS name FROM %1$s
                                   UNION SELECT DISTINCT ''given'', given_key FROM %1$s) n
    CROSS JOIN LATERAL name_tokens(n.name) t ORDER BY 1, 2, 3', source);
  INSERT INTO name_word (part, word, sound)
    SELECT w.part, w.token, name_sound(w.token) FROM (SELECT DISTINCT part, token FROM name_token) w ORDER BY 1, 2;
  INSERT INTO name_deletion (part, deletion, word)
    SELECT w.part, d, w.word FROM name_word w CROSS JOIN LATERAL name_deletions(w.word) d ORDER BY 1, 2, 3;
END $$;
COMMENT ON FUNCTION fill_names IS 'The whole dictionary anew, from practitioner_search or from the table that will take its place.';

CREATE FUNCTION follow_names() RETURNS void
LANGUAGE plpgsql AS $$ BEGIN
  CREATE TRIGGER enter_names_inserted AFTER INSERT ON practitioner_search
    REFERENCING NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION enter_names();
  CREATE TRIGGER enter_names_updated AFTER UPDATE ON practitioner_search
    REFERENCING NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION enter_names();
  -- Names in alphabetical order of their triggers: what comes is entered before what goes is left.
  CREATE TRIGGER leave_names_updated AFTER UPDATE ON practitioner_search
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION leave_names();
  CREATE TRIGGER leave_names_deleted AFTER DELETE ON practitioner_search
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION leave_names();
  CREATE TRIGGER clear_names_truncated AFTER TRUNCATE ON practitioner_search FOR EACH STATEMENT EXECUTE FUNCTION clear_names();
END $$;
COMMENT ON FUNCTION follow_names IS 'Makes the dictionary follow practitioner_search: once, and again when another table took its place (app.publication.bulk).';

-- In this order: whoever publishes waits from the first on, so no name is missed.
SELECT follow_names();
SELECT fill_names('practitioner_search');
