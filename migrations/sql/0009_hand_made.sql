-- What an admin's file needs in SQL: which person and structure a cell names, an answer, and an edited value.

CREATE FUNCTION person_of(cell text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN cell ~ '^[0-9]{11}$' THEN '8' || cell ELSE upper(cell) END $$;
COMMENT ON FUNCTION person_of IS 'National identification that a cell names: an RPPS gets its type in front.';

CREATE FUNCTION structure_of(cell text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce('1' || finess_of(upper(cell)), '3' || siret_of(cell), upper(cell))
$$;
COMMENT ON FUNCTION structure_of IS 'Public key of the structure that a cell names: a FINESS or a SIRET gets its type in front.';

CREATE FUNCTION answer_of(cell text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN upper(cell) IN ('O', 'OUI', 'TRUE', 'VRAI', '1', 'YES') THEN true
              WHEN upper(cell) IN ('N', 'NON', 'FALSE', 'FAUX', '0', 'NO') THEN false END
$$;
COMMENT ON FUNCTION answer_of IS 'Yes or no as people write it; null when it is neither.';

CREATE FUNCTION edited(cell text, kept text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN cell IS NULL THEN kept WHEN cell <> '-' THEN cell END $$;
COMMENT ON FUNCTION edited IS 'A value after an edit: an empty cell leaves it, a lone hyphen empties it.';
