-- New state of the FINESS stock. A site printed twice: the most complete row wins, then the lowest.
CREATE UNLOGGED TABLE site_row AS
SELECT upper(finess) AS finess,
  min(ARRAY[lpad(num_nulls(finess_legal, siret, name, long_name, type, opened, recipient, building, number, repetition, street_type,
                           street, distribution, line6, commune, department)::text, 2, '0'),
    upper(finess_legal), siret, name, long_name, type, opened, recipient, building, number, repetition, street_type, street, distribution,
    line6, commune, upper(department)] COLLATE "C") AS content
FROM stage_organization GROUP BY 1;

CREATE UNLOGGED TABLE new_organization_record AS
SELECT '1' || finess AS organization, finess, parent, siret, left(siret, 9) AS siren,
  CASE WHEN finess = legal THEN 'LEGAL_ENTITY' ELSE 'GEOGRAPHICAL_ENTITY' END AS kind,
  ARRAY['1' || finess] AS national_ids, ARRAY['F' || finess] AS technical_ids,
  content[4] AS name, content[5] AS long_name, content[6] AS type, opened, content[8] AS recipient,
  content[9] AS building, content[10] AS number, content[11] AS repetition, content[12] AS street_type, content[13] AS street,
  content[14] AS distribution, content[15] AS line6,
  -- Three digits inside the department; overseas the letter stands for 97, and 9J for 98.
  CASE WHEN content[16] ~ '^[0-9]{3}$' THEN
    CASE WHEN content[17] = '9J' THEN '98' WHEN content[17] ~ '^9[A-F]$' THEN '97' ELSE content[17] END || content[16] END AS commune,
  substring(content[15] FROM '^([0-9]{5})( |$)') AS postal_code, coalesce(plain_city(content[15]), city_of_line6(content[15])) AS city,
  coalesce(department_code(content[17]), department_of(NULL, substring(content[15] FROM '^([0-9]{5})( |$)'))) AS department,
  'France' AS country,
  array_remove(ARRAY[
    CASE WHEN NOT finess_valid(finess) THEN 'finess.check_digit' END,
    CASE WHEN content[2] IS NOT NULL AND legal IS NULL THEN 'parent.form' END,
    CASE WHEN content[3] IS NOT NULL AND siret IS NULL THEN 'siret.form' END, CASE WHEN NOT siret_plainly_valid(siret) AND NOT siret_valid(siret) THEN 'siret.check_digit' END,
    CASE WHEN content[7] IS NOT NULL AND opened IS NULL THEN 'opened.form' END], NULL) AS warnings
FROM (
  SELECT finess, content, date_of(content[7]) AS opened, finess_of(content[2]) AS legal, nullif(finess_of(content[2]), finess) AS parent, siret_of(content[3]) AS siret
  FROM site_row OFFSET 0) site;
SELECT keep_unknown('new_organization_record', 'organization_record', $$kept.organization = fresh.organization AND kept.source = 'finess'$$,
  ARRAY(SELECT field FROM stage_missing WHERE field IN ('name', 'long_name', 'type', 'opened', 'recipient', 'building', 'number',
          'repetition', 'street_type', 'street', 'distribution', 'line6', 'siret')
        UNION SELECT unnest(ARRAY['kind', 'parent']) FROM stage_missing WHERE field = 'finess_legal'
        UNION SELECT 'siren' FROM stage_missing WHERE field = 'siret'
        UNION SELECT unnest(ARRAY['commune', 'department']) FROM stage_missing WHERE field IN ('commune', 'department')
        UNION SELECT unnest(ARRAY['postal_code', 'city']) FROM stage_missing WHERE field = 'line6'));

CREATE UNLOGGED TABLE new_organization AS
SELECT n.organization AS key FROM new_organization_record n
WHERE NOT EXISTS (SELECT FROM organization o WHERE o.key = n.organization);

INSERT INTO plan_warning
SELECT code, entities FROM (
  SELECT 'line.repeated' AS code, (SELECT count(*) FROM stage_organization) - (SELECT count(*) FROM new_organization_record) AS entities
  UNION ALL
  SELECT unnest(warnings), count(*) FROM new_organization_record GROUP BY 1) warned
WHERE entities > 0;
