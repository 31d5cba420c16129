-- What the imports compute from the texts of the national files: identifiers and their checks, places, dates, keys.
-- Those called for every line are one expression, so that PostgreSQL inlines them.

CREATE FUNCTION tidy(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN strpos(value, '  ') > 0 THEN nullif(btrim(regexp_replace(value, ' {2,}', ' ', 'g')), '')
              ELSE nullif(btrim(value), '') END
$$;
COMMENT ON FUNCTION tidy IS 'A text without outer spaces and with single spaces inside; null when nothing is left.';

CREATE FUNCTION luhn_pair(number bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (number % 10 + number / 10 % 10 * 2 - CASE WHEN number % 100 >= 50 THEN 9 ELSE 0 END)::integer
$$;
COMMENT ON FUNCTION luhn_pair IS 'What the last two digits of a number add to its Luhn sum.';

CREATE FUNCTION luhn_valid(digits text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
  number bigint;
BEGIN
  IF digits !~ '^[0-9]{2,18}$' THEN
    RETURN false;
  END IF;
  number := digits::bigint;
  -- The all-zero number passes Luhn and names nobody.
  RETURN number > 0 AND (luhn_pair(number) + luhn_pair(number / 100) + luhn_pair(number / 10000)
    + luhn_pair(number / 1000000) + luhn_pair(number / 100000000) + luhn_pair(number / 10000000000)
    + luhn_pair(number / 1000000000000) + luhn_pair(number / 100000000000000) + luhn_pair(number / 10000000000000000)) % 10 = 0;
END $$;
COMMENT ON FUNCTION luhn_valid IS 'Whether a text of 2 to 18 digits, not all zero, ends with its Luhn check digit.';

CREATE FUNCTION finess_of(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN value ~ '^[0-9][0-9AB][0-9]{7}$' AND value <> '000000000' THEN value END
$$;
COMMENT ON FUNCTION finess_of IS 'The text when it has the form of a FINESS number, else null.';

CREATE FUNCTION finess_valid(value text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT finess_of(value) IS NOT NULL AND luhn_valid(translate(value, 'AB', '12')) $$;
COMMENT ON FUNCTION finess_valid IS 'Form and check digit of a FINESS number: Luhn after A->1 and B->2.';

CREATE FUNCTION siret_of(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN value ~ '^[0-9]{14}$' AND value <> '00000000000000' THEN value END $$;
COMMENT ON FUNCTION siret_of IS 'The text when it has the form of a SIRET, else null.';

CREATE FUNCTION siret_valid(value text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
  IF siret_of(value) IS NULL THEN
    RETURN false;
  END IF;
  -- La Poste ran out of numbers: for its SIREN a digit sum divisible by 5 is accepted beside Luhn.
  IF left(value, 9) = '356000000'
     AND (SELECT sum(digit::integer) FROM regexp_split_to_table(value, '') digit) % 5 = 0 THEN
    RETURN true;
  END IF;
  RETURN luhn_valid(value) AND luhn_valid(left(value, 9));
END $$;
COMMENT ON FUNCTION siret_valid IS 'Form and check digits of a SIRET: Luhn on the 14 digits and on the SIREN, with the rule of La Poste.';

CREATE FUNCTION national_id_of(national_id text, id_type text, id text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT upper(coalesce(nullif(btrim(national_id), ''), nullif(btrim(id_type) || btrim(id), ''))) $$;
COMMENT ON FUNCTION national_id_of IS 'National identification of a person: as printed, else type and identifier joined.';

CREATE FUNCTION national_id_fault(national_id text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN national_id IS NULL THEN 'missing'
    WHEN national_id !~ ('^(8[0-9]{11}|0[0-9]{9}|(1[0-9]{11}|3[0-9][0-9AB][0-9]{7}|4[0-9]{9}|5[0-9]{14}|6[0-9]{14})'
      || '/[^[:space:]/|\u0001-\u001f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]{1,40})$') THEN 'form'
    WHEN btrim(substr(split_part(national_id, '/', 1), 2), '0') = '' THEN 'zero' END
$$;
COMMENT ON FUNCTION national_id_fault IS 'Why a text (upper case) cannot be a national identification: missing, form, zero; null when it can.';

CREATE FUNCTION national_id_warning(national_id text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  number text := substr(split_part(national_id, '/', 1), 2);
BEGIN
  RETURN CASE left(national_id, 1)
    WHEN '8' THEN CASE WHEN NOT luhn_valid(number) THEN 'rpps.check_digit' END
    WHEN '0' THEN CASE WHEN NOT luhn_valid(number) THEN 'adeli.check_digit' END
    WHEN '1' THEN CASE WHEN NOT luhn_valid(left(number, 9)) THEN 'adeli.check_digit' END
    WHEN '3' THEN CASE WHEN NOT finess_valid(number) THEN 'finess.check_digit' END
    WHEN '4' THEN CASE WHEN NOT luhn_valid(number) THEN 'siren.check_digit' END
    WHEN '5' THEN CASE WHEN NOT siret_valid(number) THEN 'siret.check_digit' END
    WHEN '6' THEN CASE WHEN NOT luhn_valid(left(number, 11)) THEN 'rpps.check_digit' END END;
END $$;
COMMENT ON FUNCTION national_id_warning IS 'The warning that a well-formed national identification earns, when the number in it fails its check; else null.';

CREATE FUNCTION rpps_of(national_id text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN left(national_id, 1) = '8' AND length(national_id) = 12 THEN substr(national_id, 2) END $$;
COMMENT ON FUNCTION rpps_of IS 'RPPS of a well-formed national identification of type 8, else null.';

CREATE FUNCTION structure_key(finess text, technical_id text, siret text, former_id text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce('1' || finess_of(finess), CASE WHEN left(technical_id, 1) = 'F' THEN '1' || finess_of(substr(technical_id, 2)) END,
                  '3' || siret_of(siret), former_id, technical_id)
$$;
COMMENT ON FUNCTION structure_key IS 'Public key of a structure of one row: 1 + FINESS, else 3 + SIRET, else national identification, else technical id.';

CREATE FUNCTION national_structure_id(id_type text, id text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN id_type IN ('1', '5', '6') AND finess_of(id) IS NOT NULL THEN '1' || id
    WHEN id_type = '3' AND siret_of(id) IS NOT NULL THEN '3' || id
    WHEN id_type = '2' AND id ~ '^[0-9]{9}$' OR id_type = '0' AND id ~ '^[0-9]{11}$' OR id_type = '4' AND id ~ '^[0-9]{14}$'
      THEN id_type || id
    ELSE id END
$$;
COMMENT ON FUNCTION national_structure_id IS 'National identification of a structure (IDNST): prefixed by its type (TRE_G07) when the value lacks it.';

CREATE FUNCTION role_key(
  practitioner text, profession text, category text, mode text, structure text, role text, kind text, sector text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT left(encode(sha256(convert_to(concat_ws(E'\x1f', coalesce(practitioner, ''), coalesce(profession, ''), coalesce(category, ''),
    coalesce(mode, ''), coalesce(structure, ''), coalesce(role, ''), coalesce(kind, ''), coalesce(sector, '')), 'UTF8')), 'hex'), 32)
$$;
COMMENT ON FUNCTION role_key IS 'Key of a situation d''exercice, which the file does not number: 128 bits of SHA-256 over what tells it from others.';

CREATE FUNCTION department_of(commune text, postal_code text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  place text := upper(btrim(commune));
  code text := btrim(postal_code);
  department text;
BEGIN
  IF place ~ '^([0-9]{2}|2[AB])[0-9]{3}$' THEN
    department := left(place, CASE WHEN left(place, 2) IN ('97', '98') THEN 3 ELSE 2 END);
    IF department ~ '^(2[AB]|0[1-9]|1[0-9]|2[1-9]|[3-8][0-9]|9[0-5]|9[78][0-9])$' THEN
      RETURN department;
    END IF;
  END IF;
  IF code !~ '^[0-9]{5}$' OR code IS NULL THEN
    RETURN NULL;
  END IF;
  -- Corsica: one postal prefix for two departments.
  department := CASE WHEN code < '20000' OR code >= '21000' THEN left(code, CASE WHEN left(code, 2) IN ('97', '98') THEN 3 ELSE 2 END)
                     WHEN code < '20200' THEN '2A' WHEN code < '20700' THEN '2B' END;
  RETURN CASE WHEN department ~ '^(2[AB]|0[1-9]|1[0-9]|2[1-9]|[3-8][0-9]|9[0-5]|9[78][0-9])$' THEN department END;
END $$;
COMMENT ON FUNCTION department_of IS 'Department (01 to 95, 2A, 2B, 971 to 989) of an INSEE commune, else of a postal code, else null.';

CREATE FUNCTION department_code(printed text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN printed IN ('9A', '9B', '9C', '9D', '9F') THEN '97' || translate(right(printed, 1), 'ABCDF', '12346')
    WHEN printed = '9J' THEN '986'
    WHEN printed ~ '^(2[AB]|0[1-9]|1[0-9]|2[1-9]|[3-8][0-9]|9[0-5]|9[78][0-9])$' THEN printed END
$$;
COMMENT ON FUNCTION department_code IS 'Department as we write it, from a code printed by FINESS (9A Guadeloupe … 9J Wallis-et-Futuna) or by INSEE; else null.';

CREATE FUNCTION city_of_line6(line6 text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
  -- The postal code: words that begin with a digit, after at most two letters of a country or an area (B-1000, GL 5O 9ZZ).
  RETURN tidy(regexp_replace(regexp_replace(line6, '^\s*([A-Za-z]{1,2}[ -])?([0-9][0-9A-Za-z-]*(\s+|$))+', ''),
                             '(^|\s+)CEDEX(\s.*)?$', '', 'i'));
END $$;
COMMENT ON FUNCTION city_of_line6 IS 'Town of the last line of a postal address: without postal code and CEDEX.';

CREATE FUNCTION country_of(code text, label text, postal_code text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN code IN ('99000', '99100') OR upper(btrim(label)) = 'FRANCE' THEN 'France'
    WHEN coalesce(btrim(label), '') = '' AND coalesce(code, '') = '' THEN CASE WHEN postal_code ~ '^[0-9]{5}$' THEN 'France' END
    ELSE tidy(label) END
$$;
COMMENT ON FUNCTION country_of IS 'Country as we write it: France for its code, its name, or a French postal code alone; else the label of the file.';

CREATE FUNCTION date_of(value text) RETURNS date
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  part text[] := regexp_match(value, '^([0-9]{4})-([0-9]{2})-([0-9]{2})$');
  old_part text[] := regexp_match(value, '^([0-9]{2})/([0-9]{2})/([0-9]{4})$');
  month_start date;
BEGIN
  part := coalesce(part, ARRAY[old_part[3], old_part[2], old_part[1]]);
  IF part[1] >= '0001' AND part[2] BETWEEN '01' AND '12' AND part[3] >= '01' THEN
    month_start := make_date(part[1]::integer, part[2]::integer, 1);
    IF part[3]::integer <= extract(day FROM month_start + interval '1 month - 1 day') THEN
      RETURN make_date(part[1]::integer, part[2]::integer, part[3]::integer);
    END IF;
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION date_of IS 'Date written YYYY-MM-DD or DD/MM/YYYY; null when the text is no date.';

CREATE FUNCTION address_fault(address text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  value text := btrim(address);
  local_part text := lower(split_part(value, '@', 1));
BEGIN
  RETURN CASE
    WHEN coalesce(value, '') = '' THEN 'missing'
    -- Before lower(), which turns a few other letters (the Kelvin sign) into ASCII ones.
    WHEN octet_length(value) <> length(value) THEN 'ascii'
    WHEN length(value) - length(replace(value, '@', '')) <> 1 THEN 'at_sign'
    WHEN length(value) > 254 OR length(local_part) > 64 THEN 'length'
    WHEN local_part !~ '^[a-z0-9!#$%&''*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&''*+/=?^_`{|}~-]+)*$' THEN 'local_part'
    WHEN lower(split_part(value, '@', 2))
         !~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' THEN 'domain' END;
END $$;
COMMENT ON FUNCTION address_fault IS 'Why a text cannot be a mailbox address: missing, ascii, at_sign, length, local_part, domain; null when it can.';

CREATE FUNCTION keep_unknown(fresh regclass, registry regclass, matching text, fields text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  field text;
BEGIN
  FOREACH field IN ARRAY fields LOOP
    EXECUTE format('UPDATE %1$s AS fresh SET %2$I = kept.%2$I FROM %3$s AS kept WHERE %4$s', fresh, field, registry, matching);
  END LOOP;
END $$;
COMMENT ON FUNCTION keep_unknown IS
  'For columns that a file lacks: take the registry''s value over into the new state (fresh), row by matching row (kept).';
