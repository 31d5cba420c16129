-- New state of the extraction: mailboxes and whom each is attached to.
-- Lines of one (address, person, structure) that disagree: the most complete content wins, then the lowest.
CREATE UNLOGGED TABLE attachment_row AS
SELECT DISTINCT key AS address, upper(type) AS type, national_id_of(national_id, id_type, id) AS practitioner,
  national_structure_id(structure_type, upper(structure)) AS organization, service, upper(dematerialization) AS dematerialization, title,
  family, given, category, profession, skill, organization_name, trade_name, recipient, building, number, repetition, street_type, street,
  distribution, line6, postal_code, upper(department) AS department, country
FROM stage_mailbox;
CREATE UNLOGGED TABLE several_attachment AS
SELECT address, coalesce(practitioner, '') AS practitioner, coalesce(organization, '') AS organization
FROM attachment_row GROUP BY 1, 2, 3 HAVING count(*) > 1;
CREATE UNLOGGED TABLE merged_attachment AS
SELECT s.address, s.practitioner, s.organization,
  min(ARRAY[lpad(num_nulls(service, dematerialization, title, family, given, category, profession, skill, organization_name, trade_name,
                       recipient, building, number, repetition, street_type, street, distribution, line6, postal_code, department,
                       country)::text, 2, '0'),
    service, dematerialization, title, family, given, category, profession, skill, organization_name, trade_name, recipient, building,
    number, repetition, street_type, street, distribution, line6, postal_code, department, country] COLLATE "C") AS content
FROM several_attachment s JOIN attachment_row r
  ON (r.address, coalesce(r.practitioner, ''), coalesce(r.organization, '')) = (s.address, s.practitioner, s.organization)
GROUP BY 1, 2, 3;
DELETE FROM attachment_row r USING several_attachment s
WHERE (r.address, coalesce(r.practitioner, ''), coalesce(r.organization, '')) = (s.address, s.practitioner, s.organization);
INSERT INTO attachment_row (address, type, practitioner, organization, service, dematerialization, title, family, given, category, profession,
  skill, organization_name, trade_name, recipient, building, number, repetition, street_type, street, distribution, line6, postal_code,
  department, country)
SELECT s.address, t.type, nullif(s.practitioner, ''), nullif(s.organization, ''), content[2], content[3], content[4], content[5], content[6],
  content[7], content[8], content[9], content[10], content[11], content[12], content[13], content[14], content[15], content[16], content[17],
  content[18], content[19], content[20], content[21], content[22]
FROM merged_attachment s
JOIN (SELECT key, min(upper(type) COLLATE "C") AS type FROM stage_mailbox GROUP BY key) t ON t.key = s.address;

-- The extraction speaks only of PER and ORG that it brought and that are not on the red list: all others are left alone, above
-- all what operators write (docs/writing.md).
CREATE UNLOGGED TABLE new_mailbox_attachment AS
SELECT r.address, r.type, r.practitioner, r.organization, r.service, r.dematerialization, r.title, r.family, r.given, r.category,
  r.profession, r.skill, r.organization_name, r.trade_name, r.recipient, r.building, r.number, r.repetition, r.street_type, r.street,
  r.distribution, r.line6, r.postal_code, coalesce(plain_city(r.line6), city_of_line6(r.line6)) AS city,
  CASE WHEN coalesce(place.country, 'France') = 'France'
       THEN coalesce(department_code(r.department), mainland_department(r.postal_code), department_of(NULL, r.postal_code)) END AS department, place.country
FROM attachment_row r CROSS JOIN LATERAL (SELECT country_of(NULL, r.country, r.postal_code) AS country) place
WHERE NOT EXISTS (SELECT FROM mailbox m WHERE m.address = r.address AND (m.source <> 'mssante' OR m.unlisted OR m.type NOT IN ('PER', 'ORG')));

-- Columns that the file lacks are unknown, not empty: what the registry holds of them is taken over.
SELECT keep_unknown('new_mailbox_attachment', 'mailbox_attachment', $$kept.address = fresh.address
    AND (kept.practitioner, kept.organization) IS NOT DISTINCT FROM (fresh.practitioner, fresh.organization)$$,
  ARRAY(SELECT field FROM stage_missing WHERE field IN ('title', 'family', 'given', 'category', 'profession', 'skill', 'organization_name',
          'trade_name', 'recipient', 'building', 'number', 'repetition', 'street_type', 'street', 'distribution', 'line6', 'postal_code',
          'country')));
SELECT keep_unknown('new_mailbox_attachment', 'mailbox_attachment', $$kept.address = fresh.address
    AND (kept.practitioner, kept.organization) IS NOT DISTINCT FROM (fresh.practitioner, fresh.organization)
    AND (kept.line6, kept.postal_code) IS NOT DISTINCT FROM (fresh.line6, fresh.postal_code)$$,
  ARRAY(SELECT 'city' FROM stage_missing WHERE field = 'line6'
        UNION SELECT 'department' FROM stage_missing WHERE field IN ('postal_code', 'department', 'country')));

-- What is said of the mailbox itself is that of its principal attachment. Suspension is the operator's: the file knows nothing of it.
CREATE UNLOGGED TABLE new_mailbox AS
SELECT p.address, split_part(p.address, '@', 2) AS domain, p.type, p.service,
  CASE WHEN p.dematerialization IN ('O', 'OUI', 'TRUE', '1') THEN true WHEN p.dematerialization IN ('N', 'NON', 'FALSE', '0') THEN false END
    AS dematerialization,
  CASE WHEN m.state = 'suspended' THEN m.state ELSE 'active' END AS state, CASE WHEN m.state = 'suspended' THEN m.successor END AS successor,
  array_remove(ARRAY[
    CASE WHEN length(p.service) > 90 THEN 'service.length' END,
    CASE WHEN p.dematerialization NOT IN ('O', 'OUI', 'TRUE', '1', 'N', 'NON', 'FALSE', '0') THEN 'dematerialization.value' END], NULL) AS warnings
FROM (
  SELECT DISTINCT ON (address) address, min(type COLLATE "C") OVER (PARTITION BY address) AS type, service, dematerialization
  FROM new_mailbox_attachment
  ORDER BY address, practitioner COLLATE "C", organization COLLATE "C") p
LEFT JOIN mailbox m ON m.address = p.address;
SELECT keep_unknown('new_mailbox', 'mailbox', 'kept.address = fresh.address',
  ARRAY(SELECT field FROM stage_missing WHERE field IN ('service', 'dematerialization')));

CREATE VIEW named AS SELECT practitioner FROM new_mailbox_attachment;
CREATE UNLOGGED TABLE new_organization AS
SELECT named.organization AS key FROM (SELECT DISTINCT organization FROM new_mailbox_attachment WHERE organization IS NOT NULL) named
WHERE NOT EXISTS (SELECT FROM organization o WHERE o.key = named.organization);

INSERT INTO plan_warning
SELECT code, entities FROM (
  SELECT 'line.repeated' AS code, (SELECT count(*) FROM stage_mailbox) - (SELECT count(*) FROM attachment_row) AS entities
  UNION ALL
  SELECT 'mailbox.of_operator', count(*) FROM stage_mailbox s JOIN mailbox m ON m.address = s.key AND m.source = 'api'
  UNION ALL
  SELECT unnest(warnings), count(*) FROM new_mailbox GROUP BY 1) warned
WHERE entities > 0;
