-- New state of the FINESS stock, and how it differs from the registry. A site printed twice: the most complete row wins, then the lowest.
ANALYZE stage;

CREATE TEMP TABLE new_structure ON COMMIT DROP AS
SELECT '1' || finess AS organization, finess, parent, siret, left(siret, 9) AS siren,
  CASE WHEN finess = legal THEN 'LEGAL_ENTITY' ELSE 'GEOGRAPHICAL_ENTITY' END AS kind,
  ARRAY['1' || finess] AS national_ids, ARRAY['F' || finess] AS technical_ids,
  content[4] AS name, content[5] AS long_name, content[6] AS type, date_of(content[7]) AS opened, content[8] AS recipient,
  content[9] AS building, content[10] AS number, content[11] AS repetition, content[12] AS street_type, content[13] AS street,
  content[14] AS distribution, content[15] AS line6,
  -- Three digits inside the department; overseas the letter stands for 97, and 9J for 98.
  CASE WHEN content[16] ~ '^[0-9]{3}$' THEN
    CASE WHEN content[17] = '9J' THEN '98' WHEN content[17] ~ '^9[A-F]$' THEN '97' ELSE content[17] END || content[16] END AS commune,
  substring(content[15] FROM '^([0-9]{5})( |$)') AS postal_code, city_of_line6(content[15]) AS city,
  coalesce(department_code(content[17]), department_of(NULL, substring(content[15] FROM '^([0-9]{5})( |$)'))) AS department,
  array_remove(ARRAY[
    CASE WHEN NOT finess_valid(finess) THEN 'finess.check_digit' END,
    CASE WHEN content[2] IS NOT NULL AND legal IS NULL THEN 'parent.form' END,
    CASE WHEN content[3] IS NOT NULL AND siret IS NULL THEN 'siret.form' END, CASE WHEN NOT siret_valid(siret) AND siret IS NOT NULL THEN 'siret.check_digit' END,
    CASE WHEN content[7] IS NOT NULL AND date_of(content[7]) IS NULL THEN 'opened.form' END], NULL) AS warnings
FROM (
  SELECT finess, content, finess_of(content[2]) AS legal, nullif(finess_of(content[2]), finess) AS parent, siret_of(content[3]) AS siret
  FROM (
    SELECT upper(btrim(finess)) AS finess,
      min(ARRAY[lpad(num_nulls(finess_legal, siret, name, long_name, type, opened, recipient, building, number, repetition, street_type,
                               street, distribution, line6, commune, department)::text, 2, '0'),
        upper(tidy(finess_legal)), tidy(siret), tidy(name), tidy(long_name), tidy(type), tidy(opened), tidy(recipient), tidy(building),
        tidy(number), tidy(repetition), tidy(street_type), tidy(street), tidy(distribution), tidy(line6), tidy(commune),
        upper(tidy(department))] COLLATE "C") AS content
    FROM stage GROUP BY 1) grouped) site;
SELECT keep_unknown('new_structure', 'organization_record', $$kept.organization = fresh.organization AND kept.source = 'finess'$$,
  ARRAY(SELECT field FROM stage_missing WHERE field IN ('name', 'long_name', 'type', 'opened', 'recipient', 'building', 'number',
          'repetition', 'street_type', 'street', 'distribution', 'line6', 'siret')
        UNION SELECT unnest(ARRAY['kind', 'parent']) FROM stage_missing WHERE field = 'finess_legal'
        UNION SELECT 'siren' FROM stage_missing WHERE field = 'siret'
        UNION SELECT unnest(ARRAY['commune', 'department']) FROM stage_missing WHERE field IN ('commune', 'department')
        UNION SELECT unnest(ARRAY['postal_code', 'city']) FROM stage_missing WHERE field = 'line6'));
ANALYZE new_structure;

CREATE TEMP TABLE structure_change ON COMMIT DROP AS
SELECT coalesce(n.organization, r.organization) AS organization,
  CASE WHEN n.organization IS NULL THEN 'close' WHEN r.organization IS NULL THEN 'create'
    WHEN (r.kind, r.siret, r.siren, r.parent, r.name, r.long_name, r.type, r.recipient, r.building, r.number, r.repetition, r.street_type,
          r.street, r.distribution, r.postal_code, r.city, r.department)
      IS DISTINCT FROM
         (n.kind, n.siret, n.siren, n.parent, n.name, n.long_name, n.type, n.recipient, n.building, n.number, n.repetition, n.street_type,
          n.street, n.distribution, n.postal_code, n.city, n.department)
    THEN 'update'
    WHEN (r.opened, r.line6, r.commune, r.warnings) IS DISTINCT FROM (n.opened, n.line6, n.commune, n.warnings) THEN 'note'
    ELSE 'same' END AS action
FROM new_structure n
FULL JOIN (SELECT * FROM organization_record WHERE source = 'finess') r ON r.organization = n.organization;

-- 'note' = written to the registry, seen by nobody: dates, warnings, raw parts of an address.
INSERT INTO plan (kind, key, action)
SELECT 'organization', organization, CASE action WHEN 'note' THEN 'update' ELSE action END FROM structure_change;

CREATE TEMP TABLE plan_warning ON COMMIT DROP AS
SELECT code, entities FROM (
  SELECT 'line.repeated' AS code, (SELECT count(*) FROM stage) - (SELECT count(*) FROM new_structure) AS entities
  UNION ALL
  SELECT unnest(warnings), count(*) FROM new_structure GROUP BY 1) warned
WHERE entities > 0;
