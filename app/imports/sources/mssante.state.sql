-- New state of the extraction: mailboxes and whom each is attached to.
-- Lines of one (address, person, structure) that disagree: the most complete content wins, then the lowest.
ANALYZE stage;

CREATE TEMP TABLE attachment_row ON COMMIT DROP AS
SELECT lower(btrim(address)) AS address, upper(btrim(type)) AS type, national_id_of(national_id, id_type, id) AS practitioner,
  national_structure_id(btrim(structure_type), upper(tidy(structure))) AS organization,
  ARRAY[lpad(num_nulls(service, dematerialization, title, family, given, category, profession, skill, organization_name, trade_name,
                       recipient, building, number, repetition, street_type, street, distribution, line6, postal_code, department,
                       country)::text, 2, '0'),
    service, dematerialization, title, family, given, category, profession, skill, organization_name, trade_name, recipient, building,
    number, repetition, street_type, street, distribution, line6, postal_code, department, country] AS content
FROM (
  SELECT address, type, national_id, id_type, id, structure_type, structure, tidy(service) AS service,
    upper(tidy(dematerialization)) AS dematerialization, tidy(title) AS title, tidy(family) AS family, tidy(given) AS given,
    tidy(category) AS category, tidy(profession) AS profession, tidy(skill) AS skill, tidy(organization_name) AS organization_name,
    tidy(trade_name) AS trade_name, tidy(recipient) AS recipient, tidy(building) AS building, tidy(number) AS number,
    tidy(repetition) AS repetition, tidy(street_type) AS street_type, tidy(street) AS street, tidy(distribution) AS distribution,
    tidy(line6) AS line6, tidy(postal_code) AS postal_code, upper(tidy(department)) AS department, tidy(country) AS country
  FROM stage
  -- OFFSET 0 keeps each text tidied once: a flattened subquery repeats the expression at every use.
  OFFSET 0) tidied;
ANALYZE attachment_row (address, practitioner, organization);

CREATE TEMP TABLE new_attachment ON COMMIT DROP AS
SELECT address, type, practitioner, organization, content[2] AS service, content[3] AS dematerialization, content[4] AS title,
  content[5] AS family, content[6] AS given, content[7] AS category, content[8] AS profession, content[9] AS skill,
  content[10] AS organization_name, content[11] AS trade_name, content[12] AS recipient, content[13] AS building, content[14] AS number,
  content[15] AS repetition, content[16] AS street_type, content[17] AS street, content[18] AS distribution, content[19] AS line6,
  content[20] AS postal_code, city_of_line6(content[19]) AS city,
  CASE WHEN coalesce(country, 'France') = 'France'
       THEN coalesce(department_code(content[21]), department_of(NULL, content[20])) END AS department, country
FROM (SELECT address, min(type COLLATE "C") AS type, practitioner, organization, min(content COLLATE "C") AS content
      FROM attachment_row GROUP BY address, practitioner, organization) grouped
CROSS JOIN LATERAL country_of(NULL, content[22], content[20]) AS country;

-- Columns that the file lacks are unknown, not empty: what the registry holds of them is taken over.
SELECT keep_unknown('new_attachment', 'mailbox_attachment', $$kept.address = fresh.address
    AND (kept.practitioner, kept.organization) IS NOT DISTINCT FROM (fresh.practitioner, fresh.organization)$$,
  ARRAY(SELECT field FROM stage_missing WHERE field IN ('title', 'family', 'given', 'category', 'profession', 'skill', 'organization_name',
          'trade_name', 'recipient', 'building', 'number', 'repetition', 'street_type', 'street', 'distribution', 'line6', 'postal_code',
          'country')));
SELECT keep_unknown('new_attachment', 'mailbox_attachment', $$kept.address = fresh.address
    AND (kept.practitioner, kept.organization) IS NOT DISTINCT FROM (fresh.practitioner, fresh.organization)
    AND (kept.line6, kept.postal_code) IS NOT DISTINCT FROM (fresh.line6, fresh.postal_code)$$,
  ARRAY(SELECT 'city' FROM stage_missing WHERE field = 'line6'
        UNION SELECT 'department' FROM stage_missing WHERE field IN ('postal_code', 'department', 'country')));
ANALYZE new_attachment;

CREATE TEMP TABLE new_mailbox ON COMMIT DROP AS
SELECT address, split_part(address, '@', 2) AS domain, type, service, dematerialization IN ('O', 'OUI', 'TRUE', '1') AS dematerialization,
  array_remove(ARRAY[
    CASE WHEN length(service) > 90 THEN 'service.length' END,
    CASE WHEN dematerialization NOT IN ('O', 'OUI', 'TRUE', '1', 'N', 'NON', 'FALSE', '0') THEN 'dematerialization.value' END], NULL) AS warnings
FROM (
  SELECT DISTINCT ON (address) address, min(type COLLATE "C") OVER (PARTITION BY address) AS type, service, dematerialization
  FROM new_attachment
  ORDER BY address, practitioner COLLATE "C", organization COLLATE "C") principal;
-- A word that is no answer says nothing.
UPDATE new_mailbox SET dematerialization = NULL WHERE 'dematerialization.value' = ANY (warnings);
SELECT keep_unknown('new_mailbox', 'mailbox', 'kept.address = fresh.address',
  ARRAY(SELECT field FROM stage_missing WHERE field IN ('service', 'dematerialization')));
