-- The words of structures: which words stand in the names and the town of which structure, and every word with one letter left out.
-- They follow organization_search by triggers, in the transaction that publishes: a word goes with its last holder.

CREATE TABLE structure_label (
  key text COLLATE "C" NOT NULL,
  label text COLLATE "C" NOT NULL,
  CONSTRAINT pk_structure_label PRIMARY KEY (key)
);

CREATE TABLE structure_posting (
  word text COLLATE "C" NOT NULL,
  label text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  CONSTRAINT pk_structure_posting PRIMARY KEY (word, label, key)
);

CREATE TABLE structure_word (
  word text COLLATE "C" NOT NULL,
  holders integer NOT NULL,
  CONSTRAINT pk_structure_word PRIMARY KEY (word)
);

CREATE TABLE structure_deletion (
  deletion text COLLATE "C" NOT NULL,
  word text COLLATE "C" NOT NULL,
  CONSTRAINT pk_structure_deletion PRIMARY KEY (deletion, word)
);

CREATE FUNCTION structure_articles() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT '{a,au,aux,d,de,des,du,en,et,l,la,le,les}'::text[] $$;
COMMENT ON FUNCTION structure_articles IS 'Words of a name by which no structure is looked for.';

CREATE FUNCTION structure_abbreviations() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT ARRAY[
  'ccas', 'centre communal d action sociale', 'camsp', 'centre d action medico sociale precoce',
  'ch', 'centre hospitalier', 'chi', 'centre hospitalier intercommunal', 'chr', 'centre hospitalier regional',
  'chru', 'centre hospitalier regional universitaire', 'chs', 'centre hospitalier specialise',
  'chu', 'centre hospitalier universitaire', 'clcc', 'centre de lutte contre le cancer',
  'cmp', 'centre medico psychologique', 'cmpp', 'centre medico psycho pedagogique', 'cms', 'centre medico social',
  'cpts', 'communaute professionnelle territoriale de sante',
  'csapa', 'centre de soins d accompagnement et de prevention en addictologie',
  'ehpad', 'etablissement d hebergement pour personnes agees dependantes',
  'esat', 'etablissement et service d aide par le travail', 'fam', 'foyer d accueil medicalise',
  'gcs', 'groupement de cooperation sanitaire', 'ght', 'groupement hospitalier de territoire',
  'had', 'hospitalisation a domicile', 'hp', 'hopital prive', 'ime', 'institut medico educatif',
  'itep', 'institut therapeutique educatif et pedagogique', 'lbm', 'laboratoire de biologie medicale',
  'mas', 'maison d accueil specialisee', 'msp', 'maison de sante pluriprofessionnelle',
  'msp', 'maison de sante pluridisciplinaire', 'pmi', 'protection maternelle et infantile',
  'saad', 'service d aide et d accompagnement a domicile',
  'samsah', 'service d accompagnement medico social pour adultes handicapes', 'scm', 'societe civile de moyens',
  'scp', 'societe civile professionnelle', 'selarl', 'societe d exercice liberal a responsabilite limitee',
  'selas', 'societe d exercice liberal par actions simplifiee',
  'sessad', 'service d education speciale et de soins a domicile',
  'sisa', 'societe interprofessionnelle de soins ambulatoires', 'smr', 'soins medicaux et de readaptation',
  'ssiad', 'service de soins infirmiers a domicile', 'ssr', 'soins de suite et de readaptation',
  'usld', 'unite de soins de longue duree', 'dr', 'docteur', 'st', 'saint', 'ste', 'sainte', 'labo', 'laboratoire', 'phie', 'pharmacie',
  'pr', 'professeur'] $$;
COMMENT ON FUNCTION structure_abbreviations IS 'Abbreviations of the field, each followed by what it stands for, folded.';

CREATE FUNCTION structure_spelled(name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
  pairs CONSTANT text[] := structure_abbreviations();
  spelled text := ' ' || name || ' ';
  words text[];
  found text;
  place integer;
BEGIN
  IF spelled ~ ' [a-z] [a-z] ' THEN
    FOR found IN SELECT replace(m[1], ' ', '') FROM regexp_matches(spelled, '\m([a-z](?: [a-z])+)\M', 'g') AS m LOOP
      spelled := spelled || '| ' || found || ' ';
    END LOOP;
  END IF;
  words := string_to_array(spelled, ' ');
  -- Two questions spare most names both loops.
  IF words && pairs THEN
    FOREACH found IN ARRAY words LOOP
      place := array_position(pairs, found);
      IF place IS NOT NULL THEN
        -- Where what it stands for is one word too, that word leads back.
        spelled := spelled || '| ' || pairs[place + CASE WHEN place % 2 = 1 THEN 1 ELSE -1 END] || ' ';
      END IF;
    END LOOP;
    words := string_to_array(spelled, ' ');
  END IF;
  IF words && ARRAY[
    'centre', 'communaute', 'etablissement', 'foyer', 'groupement', 'hopital', 'hospitalisation', 'institut',
    'laboratoire', 'maison', 'protection', 'service', 'societe', 'soins', 'unite'] THEN
    FOR at IN 2 .. cardinality(pairs) BY 2 LOOP
      IF strpos(spelled, ' ' || pairs[at] || ' ') > 0 THEN spelled := spelled || '| ' || pairs[at - 1] || ' '; END IF;
    END LOOP;
  END IF;
  RETURN spelled;
END $$;
COMMENT ON FUNCTION structure_spelled IS 'A folded name, what its abbreviations stand for, abbreviations of what it says, and letters in a row as one word.';

CREATE FUNCTION structure_words(label text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
  SELECT coalesce(array_agg(DISTINCT w COLLATE "C"), '{}') FROM unnest(string_to_array(label, ' ')) w
  WHERE w NOT IN ('', '|') AND ltrim(w, '@') <> ALL (structure_articles()) $$;
COMMENT ON FUNCTION structure_words IS 'The words by which a structure is found: all of its label but articles.';

CREATE FUNCTION structure_label(main text, others text[], city text, postal_code text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  named text := CASE WHEN main <> '' THEN ' ' || main ELSE '' END;
  spelled text := structure_spelled(main);
BEGIN
  IF others IS NOT NULL THEN
    spelled := spelled || structure_spelled(array_to_string(others, ' | '));
  END IF;
  IF length(spelled) > length(main) + length('  ') THEN
    named := concat_ws(' ', named, (SELECT string_agg(w, ' ' ORDER BY w) FROM unnest(structure_words(spelled)) w WHERE w <> ALL (string_to_array(main, ' '))));
  END IF;
  RETURN concat_ws(' ', named, '@' || replace(nullif(city, ''), ' ', ' @'), '@' || substring(lower(postal_code) FROM '^[0-9a-z]+$')) || ' ';
END $$;
COMMENT ON FUNCTION structure_label IS 'What a search for words compares: the main name, further words by which it is named, then @ before each word of the town and the postal code.';

CREATE FUNCTION structure_deletions(word text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
  SELECT word WHERE word ~ '^@?[a-z]{4,40}$'
  UNION SELECT left(word, at - 1) || substr(word, at + 1)
  FROM generate_series(CASE WHEN word LIKE '@%' THEN 2 ELSE 1 END, length(word)) at WHERE word ~ '^@?[a-z]{4,40}$' $$;
COMMENT ON FUNCTION structure_deletions IS 'A word of letters, and the word with one letter left out (app.organizations.spelling.deletions).';

CREATE FUNCTION refresh_structures(keys text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  fresh text[];
  orphans text[];
BEGIN
  -- Each row by its key: these statements are planned before anybody knows how many there are.
  WITH changed AS MATERIALIZED (
    SELECT k.key, o.label AS old, m.label AS new FROM unnest(keys) AS k (key)
    LEFT JOIN LATERAL (SELECT t.label FROM structure_label t WHERE t.key = k.key LIMIT 1) o ON true
    LEFT JOIN LATERAL (
      SELECT structure_label(max(s.name_key) FILTER (WHERE s.main), array_agg(s.name_key ORDER BY s.name_key) FILTER (WHERE NOT s.main),
                             max(s.city_key), max(s.postal_code)) AS label
      FROM organization_search s WHERE s.key = k.key HAVING count(*) > 0) m ON true
    WHERE o.label IS DISTINCT FROM m.label
  ),
  old AS MATERIALIZED (SELECT c.key, c.old AS label, w AS word FROM changed c CROSS JOIN LATERAL unnest(structure_words(c.old)) w),
  new AS MATERIALIZED (SELECT c.key, c.new AS label, w AS word FROM changed c CROSS JOIN LATERAL unnest(structure_words(c.new)) w),
  labels_gone AS (
    DELETE FROM structure_label WHERE ctid = ANY (ARRAY(
      SELECT t.ctid FROM changed c CROSS JOIN LATERAL (SELECT x.ctid FROM structure_label x WHERE x.key = c.key LIMIT 1) t
      WHERE c.new IS NULL))
  ),
  labels AS (
    INSERT INTO structure_label (key, label) SELECT c.key, c.new FROM changed c WHERE c.new IS NOT NULL
    ON CONFLICT (key) DO UPDATE SET label = excluded.label
  ),
  postings_gone AS (
    DELETE FROM structure_posting WHERE ctid = ANY (ARRAY(
      SELECT p.ctid FROM old o CROSS JOIN LATERAL (
        SELECT x.ctid FROM structure_posting x WHERE x.word = o.word AND x.label = o.label AND x.key = o.key LIMIT 1) p))
  ),
  postings AS (
    INSERT INTO structure_posting (word, label, key) SELECT n.word, n.label, n.key FROM new n
  ),
  moved AS (
    SELECT m.word, sum(m.more)::integer AS more FROM (SELECT o.word, -1 AS more FROM old o UNION ALL SELECT n.word, 1 FROM new n) m
    GROUP BY m.word HAVING sum(m.more) <> 0
  ),
  words AS (
    INSERT INTO structure_word (word, holders) SELECT m.word, m.more FROM moved m ORDER BY m.word
    ON CONFLICT (word) DO UPDATE SET holders = structure_word.holders + excluded.holders
    RETURNING word, holders, xmax = 0 AS fresh
  )
  SELECT array_agg(w.word) FILTER (WHERE w.fresh), array_agg(w.word) FILTER (WHERE w.holders = 0) INTO fresh, orphans FROM words w;
  IF fresh IS NOT NULL THEN
    INSERT INTO structure_deletion (deletion, word) SELECT d, w FROM unnest(fresh) w CROSS JOIN LATERAL structure_deletions(w) d;
  END IF;
  IF orphans IS NOT NULL THEN
    DELETE FROM structure_word WHERE word = ANY (orphans);
    DELETE FROM structure_deletion WHERE ctid = ANY (ARRAY(
      SELECT p.ctid FROM unnest(orphans) w CROSS JOIN LATERAL structure_deletions(w) d
      CROSS JOIN LATERAL (SELECT x.ctid FROM structure_deletion x WHERE x.deletion = d AND x.word = w LIMIT 1) p));
  END IF;
END $$;
COMMENT ON FUNCTION refresh_structures IS 'Makes the words of these structures those of their rows in organization_search. The caller holds the publication lock.';

CREATE FUNCTION structures_came() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  keys text[];
BEGIN
  SELECT array_agg(DISTINCT c.key) INTO keys FROM came c;
  IF keys IS NOT NULL THEN PERFORM refresh_structures(keys); END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION structures_came IS 'After rows of organization_search came or changed: the words of their structures.';

CREATE FUNCTION structures_went() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  keys text[];
BEGIN
  SELECT array_agg(DISTINCT w.key) INTO keys FROM went w;
  IF keys IS NOT NULL THEN PERFORM refresh_structures(keys); END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION structures_went IS 'After rows of organization_search went or changed: the words of their structures.';

CREATE FUNCTION structures_cleared() RETURNS trigger
LANGUAGE plpgsql AS $$ BEGIN
  TRUNCATE structure_label, structure_posting, structure_word, structure_deletion;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION structures_cleared IS 'After organization_search was emptied.';

CREATE FUNCTION fill_structures(source regclass) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN
  TRUNCATE structure_label, structure_posting, structure_word, structure_deletion;
  EXECUTE format('INSERT INTO structure_label (key, label)
    SELECT s.key, structure_label(max(s.name_key) FILTER (WHERE s.main), array_agg(s.name_key ORDER BY s.name_key) FILTER (WHERE NOT s.main),
                                  max(s.city_key), max(s.postal_code))
    FROM %s s GROUP BY s.key ORDER BY s.key', source);
  INSERT INTO structure_posting (word, label, key)
    SELECT DISTINCT w, t.label, t.key FROM structure_label t CROSS JOIN LATERAL unnest(string_to_array(t.label, ' ')) w
    WHERE w <> '' AND ltrim(w, '@') <> ALL (structure_articles()) ORDER BY 1, 2, 3;
  INSERT INTO structure_word (word, holders) SELECT p.word, count(*) FROM structure_posting p GROUP BY p.word ORDER BY 1;
  INSERT INTO structure_deletion (deletion, word)
    SELECT d, w.word FROM structure_word w CROSS JOIN LATERAL structure_deletions(w.word) d ORDER BY 1, 2;
END $$;
COMMENT ON FUNCTION fill_structures IS 'All words of structures anew, from organization_search or from the table that will take its place.';

CREATE FUNCTION follow_structures() RETURNS void
LANGUAGE plpgsql AS $$ BEGIN
  CREATE TRIGGER structures_inserted AFTER INSERT ON organization_search
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION structures_came();
  CREATE TRIGGER structures_updated AFTER UPDATE ON organization_search
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION structures_came();
  CREATE TRIGGER structures_updated_from AFTER UPDATE ON organization_search
    REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION structures_went();
  CREATE TRIGGER structures_deleted AFTER DELETE ON organization_search
    REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION structures_went();
  CREATE TRIGGER structures_truncated AFTER TRUNCATE ON organization_search FOR EACH STATEMENT EXECUTE FUNCTION structures_cleared();
END $$;
COMMENT ON FUNCTION follow_structures IS 'Makes the words follow organization_search: once, and again when another table took its place (app.publication.bulk).';

-- In this order: whoever publishes waits from the first on, so no structure is missed.
SELECT follow_structures();
SELECT fill_structures('organization_search');
