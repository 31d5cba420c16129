-- New state of what an admin's file names: mailboxes, their holders, and records of structures laid over those of the registers.
CREATE UNLOGGED TABLE new_closed_mailbox AS
SELECT key_mailbox AS key FROM stage WHERE key_mailbox IS NOT NULL AND lower(operation) = 'close';
CREATE UNLOGGED TABLE new_closed_organization AS
SELECT key_organization AS key FROM stage WHERE key_organization IS NOT NULL AND lower(operation) = 'close';

-- Of several lines that create one mailbox, each gives a holder, and the first gives the rest.
CREATE UNLOGGED TABLE named_mailbox AS
SELECT DISTINCT ON (s.key_mailbox) s.*, lower(s.operation) = 'create' AS is_new, num_nonnulls(s.practitioner, s.organization) > 0 AS is_attached
FROM stage s WHERE s.key_mailbox IS NOT NULL AND lower(s.operation) <> 'close' ORDER BY s.key_mailbox, s.line;

CREATE UNLOGGED TABLE new_mailbox AS
SELECT edited.*, CASE
    WHEN is_new THEN 'delta'
    WHEN kept_source <> 'mssante' THEN kept_source
    -- What the extraction does not speak of may be set without taking the mailbox from it.
    WHEN is_attached OR (edited.type, edited.service, edited.dematerialization) IS DISTINCT FROM (kept_type, kept_service, kept_dematerialization)
      THEN 'delta'
    ELSE kept_source END AS source
FROM (
  SELECT n.key_mailbox AS address, split_part(n.key_mailbox, '@', 2) AS domain, edited(upper(n.type), m.type) AS type,
    edited(n.service, m.service) AS service, edited(n.description, m.description) AS description,
    edited(n.rank, m.rank::text)::integer AS rank,
    CASE WHEN n.dematerialization IS NULL THEN m.dematerialization ELSE answer_of(n.dematerialization) END AS dematerialization,
    coalesce(answer_of(n.liste_rouge), m.unlisted, false) AS unlisted, edited(n.responsible, m.responsible) AS responsible,
    coalesce(m.state, 'active') AS state, m.successor,
    n.is_new, n.is_attached, m.source AS kept_source, m.type AS kept_type, m.service AS kept_service, m.dematerialization AS kept_dematerialization
  FROM named_mailbox n LEFT JOIN mailbox m ON m.address = n.key_mailbox AND NOT n.is_new) edited;

CREATE UNLOGGED TABLE holder AS
SELECT s.key_mailbox AS address, nullif(person_of(s.practitioner), '-') AS practitioner, nullif(structure_of(s.organization), '-') AS organization
FROM stage s WHERE s.key_mailbox IS NOT NULL AND lower(s.operation) = 'create'
UNION
SELECT n.key_mailbox, edited(person_of(n.practitioner), a.practitioner), edited(structure_of(n.organization), a.organization)
FROM named_mailbox n
LEFT JOIN LATERAL (SELECT x.practitioner, x.organization FROM mailbox_attachment x WHERE x.address = n.key_mailbox
                   ORDER BY x.practitioner, x.organization LIMIT 1) a ON true
WHERE NOT n.is_new AND n.is_attached
UNION
SELECT a.address, a.practitioner, a.organization
FROM named_mailbox n JOIN mailbox_attachment a ON a.address = n.key_mailbox WHERE NOT n.is_new AND NOT n.is_attached;

CREATE UNLOGGED TABLE new_mailbox_attachment AS
SELECT h.address, h.practitioner, h.organization, a.title, a.family, a.given, a.category, a.profession, a.skill, a.organization_name,
  a.trade_name, a.recipient, a.building, a.number, a.repetition, a.street_type, a.street, a.distribution, a.line6, a.postal_code, a.city,
  a.department, a.country
FROM holder h
LEFT JOIN mailbox_attachment a ON a.address = h.address AND coalesce(a.practitioner, '') = coalesce(h.practitioner, '')
  AND coalesce(a.organization, '') = coalesce(h.organization, '');

-- A record of ours holds what was typed and nothing else: an empty field leaves the word to the register. The address is whole.
CREATE UNLOGGED TABLE new_organization_record AS
SELECT n.key_organization AS organization, coalesce(d.kind, r.kind, 'GEOGRAPHICAL_ENTITY') AS kind,
  organization_finess(n.key_organization) AS finess, organization_siret(n.key_organization) AS siret,
  left(organization_siret(n.key_organization), 9) AS siren, d.parent,
  array_remove(ARRAY[CASE WHEN n.key_organization ~ '^[0-9]' THEN n.key_organization END], NULL) AS national_ids,
  array_remove(ARRAY[CASE WHEN n.key_organization !~ '^[0-9]' THEN n.key_organization END], NULL) AS technical_ids,
  edited(n.name, d.name) AS name, edited(n.long_name, d.long_name) AS long_name, edited(n.trade_name, d.trade_name) AS trade_name,
  edited(n.type, d.type) AS type, edited(n.sector, d.sector) AS sector,
  d.opened, w.line6, w.commune, place.recipient, place.building, place.number, place.repetition, place.street_type, place.street,
  place.distribution, place.postal_code, place.city,
  CASE WHEN place.country = 'France' THEN department_of(NULL, place.postal_code) END AS department, place.country, '{}'::text[] AS warnings
FROM (SELECT s.*, num_nonnulls(s.recipient, s.building, s.number, s.repetition, s.street_type, s.street, s.distribution, s.postal_code, s.city,
                               s.country) > 0 AS is_placed
      FROM stage s WHERE s.key_organization IS NOT NULL AND lower(s.operation) <> 'close') n
LEFT JOIN organization_record d ON d.organization = n.key_organization AND d.source = 'delta'
LEFT JOIN LATERAL (SELECT x.* FROM organization_record x WHERE x.organization = n.key_organization AND x.source IN ('finess', 'personne_activite')
                   ORDER BY (x.city IS NULL AND x.postal_code IS NULL), x.source LIMIT 1) r ON true
-- The address that the line corrects: ours where there is one, else the register's.
LEFT JOIN LATERAL (SELECT x.* FROM organization_record x WHERE x.organization = n.key_organization
                     AND x.source = CASE WHEN num_nonnulls(d.postal_code, d.city) > 0 THEN 'delta' WHEN n.is_placed THEN r.source END) w ON true
CROSS JOIN LATERAL (
  SELECT edited(n.recipient, w.recipient) AS recipient, edited(n.building, w.building) AS building, edited(n.number, w.number) AS number,
    edited(n.repetition, w.repetition) AS repetition, edited(n.street_type, w.street_type) AS street_type, edited(n.street, w.street) AS street,
    edited(n.distribution, w.distribution) AS distribution, edited(n.postal_code, w.postal_code) AS postal_code, edited(n.city, w.city) AS city,
    country_of(NULL, edited(n.country, w.country), edited(n.postal_code, w.postal_code)) AS country) place;

CREATE UNLOGGED TABLE new_organization AS
SELECT n.organization AS key FROM new_organization_record n WHERE NOT EXISTS (SELECT FROM organization o WHERE o.key = n.organization);
