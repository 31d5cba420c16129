-- Functions of the registry and the publication: folding of names, places, JSON texts, digest slots.
-- Those that PostgreSQL cannot inline are plpgsql, whose plans stay cached; a SQL function would be planned again by every publish().

CREATE FUNCTION name_key(name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$ BEGIN
  -- Accents before case: lower() under the C collation leaves accented capitals as they are.
  RETURN trim(regexp_replace(
    lower(public.unaccent('public.unaccent'::regdictionary, normalize(name, NFKC))), '[^a-z0-9]+', ' ', 'g'));
END $$;
COMMENT ON FUNCTION name_key IS 'The form in which names are compared: no accents, no case, words of a-z and 0-9 with one space between.';

CREATE FUNCTION digest_slot(kind text, key text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
  hash bytea := sha256(convert_to(kind || '/' || key, 'UTF8'));
BEGIN
  RETURN get_byte(hash, 0) * 256 + get_byte(hash, 1);
END $$;
COMMENT ON FUNCTION digest_slot IS 'Place of a resource among the 65 536 leaves of the digest tree: the first two bytes of SHA-256(kind/key).';

CREATE FUNCTION json_text(value text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT coalesce(to_json(value)::text, 'null') $$;
COMMENT ON FUNCTION json_text IS 'A JSON string as RFC 8785 writes it, or null.';

CREATE FUNCTION category_rank(category text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE category WHEN 'C' THEN 1 WHEN 'M' THEN 2 WHEN 'E' THEN 3 ELSE 4 END $$;
COMMENT ON FUNCTION category_rank IS 'Order of professional categories: C civil, M agent public, E student, then the rest.';

CREATE FUNCTION organization_finess(key text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN key ~ '^1[0-9][0-9AB][0-9]{7}$' THEN substr(key, 2) END $$;
COMMENT ON FUNCTION organization_finess IS 'FINESS number of a structure key (IDNST prefix 1), or null.';

CREATE FUNCTION organization_siret(key text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN key ~ '^3[0-9]{14}$' THEN substr(key, 2) END $$;
COMMENT ON FUNCTION organization_siret IS 'SIRET of a structure key (IDNST prefix 3), or null.';

CREATE FUNCTION place(
  recipient text, building text, number text, repetition text, street_type text, street text, distribution text,
  postal_code text, city text, department text, country text)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  lines text[] := array_remove(ARRAY[
    nullif(recipient, ''), nullif(building, ''),
    nullif(concat_ws(' ', nullif(number, ''), nullif(repetition, ''), nullif(street_type, ''), nullif(street, '')), ''),
    nullif(distribution, '')], NULL);
BEGIN
  IF postal_code IS NULL AND city IS NULL AND cardinality(lines) = 0 THEN
    RETURN 'null';
  END IF;
  RETURN '{"city":' || coalesce(to_json(city)::text, 'null') || ',"country":' || coalesce(to_json(country)::text, 'null')
    || ',"department":' || coalesce(to_json(department)::text, 'null') || ',"lines":' || array_to_json(lines)
    || ',"postal_code":' || coalesce(to_json(postal_code)::text, 'null') || '}';
END $$;
COMMENT ON FUNCTION place IS 'Canonical JSON of a place from lines 2 to 5 of a French postal address, or null when nothing is known.';

CREATE FUNCTION utc_text(instant timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE STRICT AS $$ SELECT to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;
COMMENT ON FUNCTION utc_text IS 'An instant as ISO 8601 in UTC, with microseconds.';
