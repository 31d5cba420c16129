-- Rows that remember which run wrote them, the mark for the whole registry, and cheaper forms of what every line needs.

CREATE FUNCTION forget_run() RETURNS trigger
LANGUAGE plpgsql AS $$ BEGIN
  NEW.changed_run := NULL;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION forget_run IS 'A writer that names no run of its own takes the row out of the run that wrote it: an undo leaves it alone.';

CREATE FUNCTION spread_registry_mark() RETURNS boolean
LANGUAGE plpgsql AS $$ BEGIN
  IF NOT EXISTS (SELECT FROM pending WHERE kind = 'registry') THEN
    RETURN false;
  END IF;
  DELETE FROM pending WHERE kind = 'registry';
  INSERT INTO pending (kind, key)
  SELECT 'organization', key FROM organization
  UNION ALL SELECT 'practitioner', national_id FROM practitioner
  UNION ALL SELECT 'mailbox', address FROM mailbox;
  RETURN true;
END $$;
COMMENT ON FUNCTION spread_registry_mark IS 'Replaces the mark for the whole registry by one for every resource. Returns whether there was one.';

CREATE FUNCTION luhn_rest(number bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (luhn_pair(number) + luhn_pair(number / 100) + luhn_pair(number / 10000) + luhn_pair(number / 1000000)
    + luhn_pair(number / 100000000) + luhn_pair(number / 10000000000) + luhn_pair(number / 1000000000000)) % 10
$$;
COMMENT ON FUNCTION luhn_rest IS 'What the Luhn sum of a number of at most 14 digits leaves when divided by 10: 0 when its check digit is right.';

CREATE FUNCTION mainland_department(postal_code text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN length(postal_code) = 5 AND postal_code COLLATE "C" BETWEEN '01000' AND '95999' AND translate(postal_code, '0123456789', '') = ''
    AND left(postal_code, 2) <> '20' THEN left(postal_code, 2) END
$$;
COMMENT ON FUNCTION mainland_department IS 'Department of a postal code of metropolitan France without Corsica; null where department_of must look closer.';

CREATE FUNCTION is_rpps_form(national_id text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT length(national_id) = 12 AND left(national_id, 1) = '8' AND substr(national_id, 2, 1) <> '0' AND translate(national_id, '0123456789', '') = ''
$$;
COMMENT ON FUNCTION is_rpps_form IS 'Whether a national identification is 8 and an RPPS of the usual form: no other needs a closer look.';

CREATE FUNCTION siret_plainly_valid(siret text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT siret IS NULL OR CASE WHEN length(siret) = 14 AND translate(siret, '0123456789', '') = '' AND left(siret, 9) <> '000000000'
    THEN luhn_rest(siret::bigint) = 0 AND luhn_rest(left(siret, 9)::bigint) = 0 ELSE false END
$$;
COMMENT ON FUNCTION siret_plainly_valid IS 'Whether there is no SIRET, or one that passes both Luhn sums; where not, siret_valid looks closer.';

CREATE FUNCTION plain_city(line6 text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN substr(line6, 6, 1) = ' ' AND translate(left(line6, 5), '0123456789', '') = '' AND strpos(upper(line6), 'CEDEX') = 0
    AND substr(line6, 7, 1) COLLATE "C" BETWEEN 'A' AND 'z' THEN substr(line6, 7) END
$$;
COMMENT ON FUNCTION plain_city IS 'Town of a last line of an address in the usual form, five digits and a name; null where city_of_line6 must look closer.';
