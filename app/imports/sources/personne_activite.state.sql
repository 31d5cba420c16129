-- New state of the persons' file: persons, practices, skills, structures, roles.
-- Where lines of one thing disagree, the most complete content wins, then the lowest: never the order of the lines.
-- Nearly all things stand on one line only, or on lines that agree: what disagrees is found first and merged apart.

CREATE UNLOGGED TABLE practitioner_row AS
SELECT key, min(civility COLLATE "C") AS civility, coalesce(bool_or(id_type || id <> national_id), false) AS is_mismatch
FROM stage_practitioner GROUP BY key;
-- Apart, since PostgreSQL groups so many keys in one process, and check digits are dear.
CREATE UNLOGGED TABLE new_practitioner AS
SELECT key AS national_id, rpps_of(key) AS rpps, civility, 'active' AS register_state,
  CASE WHEN is_rpps_form(key) AND luhn_rest(substr(key, 2)::bigint) = 0 AND NOT is_mismatch THEN '{}'
  ELSE array_remove(ARRAY[national_id_warning(key), CASE WHEN is_mismatch THEN 'national_id.mismatch' END], NULL) END AS warnings
FROM practitioner_row;

CREATE UNLOGGED TABLE new_practice AS
SELECT DISTINCT key AS practitioner, profession, coalesce(category, '') AS category, family, given, title FROM stage_practitioner;
-- Without figures PostgreSQL takes the groups for few, and sorts them.
ANALYZE new_practice (practitioner);
CREATE UNLOGGED TABLE several_practice AS
SELECT practitioner, profession, category FROM new_practice GROUP BY 1, 2, 3 HAVING count(*) > 1;
CREATE UNLOGGED TABLE merged_practice AS
SELECT practitioner, profession, category, min(ARRAY[num_nulls(given, title)::text, family, given, title] COLLATE "C") AS content
FROM new_practice JOIN several_practice USING (practitioner, profession, category) GROUP BY 1, 2, 3;
DELETE FROM new_practice n USING several_practice s
WHERE (n.practitioner, n.profession, n.category) = (s.practitioner, s.profession, s.category) AND (SELECT count(*) FROM several_practice) > 0;
INSERT INTO new_practice SELECT practitioner, profession, category, content[2], content[3], content[4] FROM merged_practice;

CREATE UNLOGGED TABLE new_skill AS
SELECT DISTINCT key AS practitioner, profession, coalesce(category, '') AS category, coalesce(skill_type, '') AS skill_type, skill
FROM stage_practitioner WHERE skill IS NOT NULL
  -- Layouts that leave skills to their own file say nothing of them.
  AND NOT EXISTS (SELECT FROM stage_missing WHERE field IN ('skill_type', 'skill'));
-- What the registry holds stays then, but a person who leaves takes hers along.
INSERT INTO new_skill
SELECT s.practitioner, s.profession, s.category, s.skill_type, s.skill FROM skill s
WHERE s.source = 'personne_activite' AND EXISTS (SELECT FROM stage_missing WHERE field IN ('skill_type', 'skill'))
  AND s.practitioner IN (SELECT national_id FROM new_practitioner);

CREATE UNLOGGED TABLE structure_row AS
SELECT DISTINCT key, upper(technical_id) AS technical_id, upper(former_id) AS former_id, upper(finess) AS finess,
  upper(finess_legal) AS finess_legal, siret, siren, name, trade_name, sector, recipient, building, number, repetition,
  coalesce(street_type, street_type_label) AS street_type, street, distribution, line6, postal_code, upper(commune) AS commune,
  city, country_code, country
FROM stage_organization WHERE key IS NOT NULL;
ANALYZE structure_row (key);
CREATE UNLOGGED TABLE several_structure AS SELECT key FROM structure_row GROUP BY key HAVING count(*) > 1;
ANALYZE several_structure;

-- Identifiers come from all lines of a structure, since one may lack what another has; name and address from one line.
CREATE UNLOGGED TABLE merged_structure AS
SELECT key, coalesce(array_agg(DISTINCT technical_id COLLATE "C") FILTER (WHERE technical_id IS NOT NULL), '{}') AS technical_ids,
  coalesce(array_agg(DISTINCT former_id COLLATE "C") FILTER (WHERE former_id IS NOT NULL), '{}') AS former_ids,
  min(finess_of(finess) COLLATE "C") AS finess, min(finess_of(finess_legal) COLLATE "C") AS finess_legal, min(siret_of(siret) COLLATE "C") AS siret,
  min(siren COLLATE "C") AS siren, bool_or(finess_of(finess) IS NULL AND finess IS NOT NULL) AS bad_finess,
  bool_or(siret_of(siret) IS NULL AND siret IS NOT NULL) AS bad_siret,
  min(ARRAY[lpad(num_nulls(name, trade_name, sector, recipient, building, number, repetition, street_type, street, distribution, line6,
                           postal_code, commune, city, country_code, country)::text, 2, '0'),
    name, trade_name, sector, recipient, building, number, repetition, street_type, street, distribution, line6, postal_code, commune,
    city, country_code, country] COLLATE "C") AS content
FROM structure_row JOIN several_structure USING (key) GROUP BY key;

CREATE UNLOGGED TABLE new_organization_record AS
SELECT key AS organization,
  CASE WHEN s.finess = s.finess_legal THEN 'LEGAL_ENTITY' ELSE 'GEOGRAPHICAL_ENTITY' END AS kind, s.finess, s.siret, s.siren,
  CASE WHEN s.finess_legal <> coalesce(s.finess, '') THEN s.finess_legal END AS parent,
  CASE WHEN left(key, 1) IN ('1', '3') AND key ~ '^(1[0-9][0-9AB][0-9]{7}|3[0-9]{14})$' AND key <> ALL (s.former_ids)
       THEN (SELECT array_agg(id ORDER BY id COLLATE "C") FROM unnest(key || s.former_ids) id) ELSE s.former_ids END AS national_ids,
  s.technical_ids, s.name, s.trade_name, s.sector, s.recipient, s.building, s.number, s.repetition, s.street_type, s.street,
  s.distribution, s.line6, s.postal_code, s.commune, coalesce(s.city, plain_city(s.line6), city_of_line6(s.line6)) AS city,
  -- A foreign postal code may look like one of ours.
  CASE WHEN coalesce(place.country, 'France') <> 'France' THEN NULL
       WHEN s.commune IS NULL THEN coalesce(mainland_department(s.postal_code), department_of(NULL, s.postal_code))
       -- The first two digits of a commune tell it as those of a postal code do.
       ELSE coalesce(mainland_department(s.commune), department_of(s.commune, s.postal_code)) END AS department, place.country,
  CASE WHEN s.bad_finess OR s.bad_siret OR s.finess IS NOT NULL OR NOT siret_plainly_valid(s.siret) THEN array_remove(ARRAY[
    CASE WHEN s.bad_finess THEN 'finess.form' END, CASE WHEN NOT finess_valid(s.finess) AND s.finess IS NOT NULL THEN 'finess.check_digit' END,
    CASE WHEN s.bad_siret THEN 'siret.form' END, CASE WHEN NOT siret_plainly_valid(s.siret) AND NOT siret_valid(s.siret) THEN 'siret.check_digit' END], NULL)
  ELSE '{}' END AS warnings
FROM (
  SELECT key, CASE WHEN technical_id IS NULL THEN '{}' ELSE ARRAY[technical_id] END AS technical_ids,
    CASE WHEN former_id IS NULL THEN '{}' ELSE ARRAY[former_id] END AS former_ids,
    CASE WHEN left(key, 1) = '1' THEN coalesce(finess_of(finess), organization_finess(key)) ELSE finess_of(finess) END AS finess, finess_of(finess_legal) AS finess_legal, siret_of(siret) AS siret, siren,
    finess_of(finess) IS NULL AND finess IS NOT NULL AS bad_finess, siret_of(siret) IS NULL AND siret IS NOT NULL AS bad_siret,
    name, trade_name, sector, recipient, building, number, repetition, street_type, street, distribution, line6, postal_code, commune,
    city, country_code, country
  FROM structure_row WHERE key NOT IN (SELECT key FROM several_structure)
  UNION ALL
  SELECT key, technical_ids, former_ids, coalesce(finess, organization_finess(key)), finess_legal, siret, siren, bad_finess, bad_siret,
    content[2], content[3], content[4], content[5], content[6], content[7], content[8], content[9], content[10], content[11], content[12],
    content[13], content[14], content[15], content[16], content[17]
  FROM merged_structure
) s CROSS JOIN LATERAL (SELECT country_of(s.country_code, s.country, s.postal_code) AS country) place;

CREATE UNLOGGED TABLE new_practitioner_role AS
SELECT role_key(key, profession, coalesce(category, ''), mode, coalesce(upper(technical_id), key_organization), role, kind, sector) AS id,
  key AS practitioner, profession, coalesce(category, '') AS category, key_organization AS organization,
  coalesce(upper(technical_id), key_organization) AS structure, mode, sector, role, kind, pharmacist_section, authority, phone, phone_2, fax, email
FROM stage_practitioner;
ANALYZE new_practitioner_role (id);
CREATE UNLOGGED TABLE several_role AS
SELECT id FROM new_practitioner_role GROUP BY id HAVING count(*) > 1;
ANALYZE several_role;
CREATE UNLOGGED TABLE merged_role AS
SELECT id, min(ARRAY[lpad(num_nulls(pharmacist_section, authority, phone, phone_2, fax, email)::text, 2, '0'), organization, practitioner,
    profession, category, structure, mode, sector, role, kind, pharmacist_section, authority, phone, phone_2, fax, email] COLLATE "C") AS content
FROM new_practitioner_role JOIN several_role USING (id) GROUP BY id;
DELETE FROM new_practitioner_role n USING several_role s WHERE s.id = n.id;
INSERT INTO new_practitioner_role (id, organization, practitioner, profession, category, structure, mode, sector, role, kind,
  pharmacist_section, authority, phone, phone_2, fax, email)
SELECT id, content[2], content[3], content[4], content[5], content[6], content[7], content[8], content[9], content[10], content[11],
  content[12], content[13], content[14], content[15], content[16]
FROM merged_role;

CREATE UNLOGGED TABLE new_organization AS
SELECT n.organization AS key FROM new_organization_record n
WHERE NOT EXISTS (SELECT FROM organization o WHERE o.key = n.organization);

INSERT INTO plan_warning
SELECT code, count(*) AS entities
FROM (SELECT unnest(warnings) AS code FROM new_practitioner WHERE warnings <> '{}'
      UNION ALL SELECT unnest(warnings) FROM new_organization_record WHERE warnings <> '{}') warned
GROUP BY code;
