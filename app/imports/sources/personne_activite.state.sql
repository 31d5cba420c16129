-- New state of the persons' file: persons, practices, skills, structures, roles.
-- Where rows of one entity disagree, the most complete content wins, then the lowest: never the order of the lines.
ANALYZE stage;

CREATE TEMP TABLE new_practitioner ON COMMIT DROP AS
SELECT national_id, rpps_of(national_id) AS rpps, civility,
  array_remove(ARRAY[national_id_warning(national_id), CASE WHEN mismatch THEN 'national_id.mismatch' END], NULL) AS warnings
FROM (
  SELECT national_id_of(national_id, id_type, id) AS national_id, min(tidy(civility) COLLATE "C") AS civility,
    bool_or(btrim(id_type) || btrim(id) <> btrim(national_id)) AS mismatch
  FROM stage GROUP BY 1) grouped;

CREATE TEMP TABLE new_practice ON COMMIT DROP AS
SELECT practitioner, profession, category, content[2] AS family, content[3] AS given, content[4] AS title
FROM (
  SELECT practitioner, profession, category, min(ARRAY[num_nulls(given, title)::text, family, given, title] COLLATE "C") AS content
  FROM (SELECT national_id_of(national_id, id_type, id) AS practitioner, tidy(profession) AS profession, coalesce(tidy(category), '') AS category,
               tidy(family) AS family, tidy(given) AS given, tidy(title) AS title FROM stage) row
  GROUP BY 1, 2, 3) grouped;

CREATE TEMP TABLE new_skill ON COMMIT DROP AS
SELECT DISTINCT national_id_of(national_id, id_type, id) AS practitioner, tidy(profession) AS profession, coalesce(tidy(category), '') AS category,
  coalesce(tidy(skill_type), '') AS skill_type, tidy(skill) AS skill
FROM stage WHERE tidy(skill) IS NOT NULL;

CREATE TEMP TABLE structure_row ON COMMIT DROP AS
SELECT structure_key(finess, technical_id, siret, former_id) AS organization, technical_id, former_id, finess_of(finess) AS finess,
  finess_of(finess_legal) AS finess_legal, siret_of(siret) AS siret, siren,
  finess <> '' AND finess_of(finess) IS NULL AS bad_finess, siret <> '' AND siret_of(siret) IS NULL AS bad_siret,
  ARRAY[lpad(num_nulls(name, trade_name, sector, recipient, building, number, repetition, street_type, street, distribution, line6,
                       postal_code, commune, city, country_code, country)::text, 2, '0'),
    name, trade_name, sector, recipient, building, number, repetition, street_type, street, distribution, line6, postal_code, commune,
    city, country_code, country] AS content
FROM (
  SELECT upper(tidy(technical_id)) AS technical_id, upper(tidy(former_id)) AS former_id, upper(btrim(finess)) AS finess,
    upper(btrim(finess_legal)) AS finess_legal, btrim(siret) AS siret, tidy(siren) AS siren, tidy(name) AS name,
    tidy(trade_name) AS trade_name, tidy(sector) AS sector, tidy(recipient) AS recipient, tidy(building) AS building,
    tidy(number) AS number, tidy(repetition) AS repetition, coalesce(tidy(street_type), tidy(street_type_label)) AS street_type,
    tidy(street) AS street, tidy(distribution) AS distribution, tidy(line6) AS line6, tidy(postal_code) AS postal_code,
    upper(tidy(commune)) AS commune, tidy(city) AS city, tidy(country_code) AS country_code, tidy(country) AS country
  FROM stage
  -- OFFSET 0 keeps each text tidied once: a flattened subquery repeats the expression at every use.
  OFFSET 0) tidied
WHERE structure_key(finess, technical_id, siret, former_id) IS NOT NULL;
ANALYZE structure_row (organization);

CREATE TEMP TABLE structure_ids ON COMMIT DROP AS
SELECT organization, coalesce(array_agg(id ORDER BY id COLLATE "C") FILTER (WHERE is_national), '{}') AS national_ids,
  coalesce(array_agg(id ORDER BY id COLLATE "C") FILTER (WHERE NOT is_national), '{}') AS technical_ids
FROM (
  SELECT organization, technical_id AS id, false AS is_national FROM structure_row WHERE technical_id IS NOT NULL
  UNION SELECT organization, former_id, true FROM structure_row WHERE former_id IS NOT NULL
  UNION SELECT organization, organization, true FROM structure_row
        WHERE organization_finess(organization) IS NOT NULL OR organization_siret(organization) IS NOT NULL) named
GROUP BY organization;
ANALYZE structure_ids (organization);

-- Identifiers come from all rows of a structure, since one row may lack what another has; name and address from one row.
CREATE TEMP TABLE new_structure ON COMMIT DROP AS
SELECT organization, CASE WHEN finess = finess_legal THEN 'LEGAL_ENTITY' ELSE 'GEOGRAPHICAL_ENTITY' END AS kind, finess, siret, siren,
  CASE WHEN finess_legal <> coalesce(finess, '') THEN finess_legal END AS parent, i.national_ids, i.technical_ids,
  content[2] AS name, content[3] AS trade_name, content[4] AS sector, content[5] AS recipient, content[6] AS building,
  content[7] AS number, content[8] AS repetition, content[9] AS street_type, content[10] AS street, content[11] AS distribution,
  content[12] AS line6, content[13] AS postal_code, content[14] AS commune, coalesce(content[15], city_of_line6(content[12])) AS city,
  -- A foreign postal code may look like one of ours.
  CASE WHEN coalesce(country, 'France') = 'France' THEN department_of(content[14], content[13]) END AS department, country,
  array_remove(ARRAY[
    CASE WHEN bad_finess THEN 'finess.form' END, CASE WHEN NOT finess_valid(finess) AND finess IS NOT NULL THEN 'finess.check_digit' END,
    CASE WHEN bad_siret THEN 'siret.form' END, CASE WHEN NOT siret_valid(siret) AND siret IS NOT NULL THEN 'siret.check_digit' END], NULL) AS warnings
FROM (
  SELECT organization, coalesce(min(finess COLLATE "C"), organization_finess(organization)) AS finess,
    min(finess_legal COLLATE "C") AS finess_legal, min(siret COLLATE "C") AS siret, min(siren COLLATE "C") AS siren,
    bool_or(bad_finess) AS bad_finess, bool_or(bad_siret) AS bad_siret, min(content COLLATE "C") AS content
  FROM structure_row GROUP BY organization) grouped
CROSS JOIN LATERAL country_of(content[16], content[17], content[13]) AS country
JOIN structure_ids i USING (organization);

CREATE TEMP TABLE new_role ON COMMIT DROP AS
SELECT id, content[2] AS organization, content[3] AS practitioner, content[4] AS profession, content[5] AS category,
  content[6] AS structure, content[7] AS mode, content[8] AS sector, content[9] AS role, content[10] AS kind,
  content[11] AS pharmacist_section, content[12] AS authority, content[13] AS phone, content[14] AS phone_2, content[15] AS fax,
  content[16] AS email
FROM (
  SELECT role_key(practitioner, profession, category, mode, structure, role, kind, sector) AS id,
    min(ARRAY[lpad(num_nulls(pharmacist_section, authority, phone, phone_2, fax, email)::text, 2, '0'), organization, practitioner,
              profession, category, structure, mode, sector, role, kind, pharmacist_section, authority, phone, phone_2, fax, email]
        COLLATE "C") AS content
  FROM (
    SELECT national_id_of(national_id, id_type, id) AS practitioner, tidy(profession) AS profession,
      coalesce(tidy(category), '') AS category, coalesce(upper(tidy(technical_id)), organization) AS structure, organization,
      tidy(mode) AS mode, tidy(sector) AS sector, tidy(role) AS role, tidy(kind) AS kind,
      tidy(pharmacist_section) AS pharmacist_section, tidy(authority) AS authority, tidy(phone) AS phone, tidy(phone_2) AS phone_2,
      tidy(fax) AS fax, tidy(email) AS email
    FROM stage CROSS JOIN LATERAL structure_key(upper(btrim(finess)), upper(tidy(technical_id)), btrim(siret), upper(tidy(former_id)))
      AS organization
    OFFSET 0) tidied
  GROUP BY 1) grouped;
