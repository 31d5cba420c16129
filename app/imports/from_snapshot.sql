-- The mailboxes of a snapshot as rows of the registry: what their documents say, and nothing that they do not.

-- name: stage
CREATE TEMP TABLE shown (kind text COLLATE "C", key text COLLATE "C", fingerprint text, document jsonb, PRIMARY KEY (kind, key))

-- name: strangers
SELECT DISTINCT s.document ->> 'operator' AS operator FROM shown s
WHERE s.document ->> 'operator' IS NOT NULL AND NOT EXISTS (SELECT FROM operator o WHERE o.id = s.document ->> 'operator')
ORDER BY 1

-- name: holders
-- `position` 1 is the principal one, whose place the document shows.
CREATE TEMP TABLE holder AS
SELECT s.key AS address, a.position, a.held -> 'practitioner' AS person, a.held -> 'organization' AS structure, s.document -> 'place' AS place,
  a.held #>> '{practitioner,national_id}' AS practitioner, a.held #>> '{organization,id}' AS organization
FROM shown s CROSS JOIN LATERAL jsonb_array_elements(s.document -> 'attachments') WITH ORDINALITY AS a (held, position)
WHERE s.kind = 'mailbox'

-- name: persons
-- Known by name alone, as where a file of mailboxes names a person whom no register has stated yet.
INSERT INTO practitioner (national_id, rpps, register_state)
SELECT DISTINCT h.practitioner, rpps_of(h.practitioner), 'unknown' FROM holder h WHERE h.practitioner IS NOT NULL
ON CONFLICT DO NOTHING

-- name: structures
INSERT INTO organization (key) SELECT DISTINCT h.organization FROM holder h WHERE h.organization IS NOT NULL
ON CONFLICT DO NOTHING

-- name: mailboxes
-- One that an operator answers for is the operator's, so that no file closes it; one that nobody does is the national file's.
INSERT INTO mailbox (address, domain, type, service, description, rank, dematerialization, operator, source)
SELECT s.key, d.domain, d.type, d.service, d.description, d.rank, d.dematerialization, d.operator,
  CASE WHEN d.operator IS NULL THEN 'mssante' ELSE 'api' END
FROM shown s CROSS JOIN LATERAL jsonb_to_record(s.document) AS d (
  domain text, type text, service text, description text, rank integer, dematerialization boolean, operator text)
WHERE s.kind = 'mailbox' ORDER BY s.key

-- name: attachments
-- Of holders whom the registers know nothing is written but who they are; of others what was shown, which is shown until a register knows
-- better. Lines of a place are kept in their order: no document says which of them is which.
INSERT INTO mailbox_attachment (address, practitioner, organization, title, family, given, profession, skill, organization_name, trade_name,
  recipient, building, street, distribution, postal_code, city, department, country)
SELECT h.address, h.practitioner, h.organization, title.code, person.family, person.given, person.profession, person.skill,
  structure.name, structure.trade_name, place.lines ->> 0, place.lines ->> 1, place.lines ->> 2, place.lines ->> 3,
  place.postal_code, place.city, place.department, place.country
FROM holder h
LEFT JOIN practitioner_identity i ON i.national_id = h.practitioner
LEFT JOIN organization_summary o ON o.organization = h.organization
LEFT JOIN LATERAL (
  SELECT h.person ->> 'family' AS family, h.person ->> 'given' AS given, h.person ->> 'title' AS title,
    h.person #>> '{profession,code}' AS profession, h.person #>> '{specialties,0,code}' AS skill) person ON i.national_id IS NULL
LEFT JOIN LATERAL (
  SELECT min(l.code) AS code FROM code_label l WHERE l.value_set = 'title' AND l.label = person.title) title ON true
LEFT JOIN LATERAL (
  SELECT h.structure ->> 'name' AS name, h.structure ->> 'trade_name' AS trade_name) structure ON o.organization IS NULL
LEFT JOIN LATERAL jsonb_to_record(CASE jsonb_typeof(h.place) WHEN 'object' THEN h.place ELSE '{}' END) AS place (
  lines jsonb, postal_code text, city text, department text, country text)
  ON h.position = 1 AND coalesce(o.place, 'null') = 'null'
ORDER BY h.address, h.position

-- name: marks
INSERT INTO pending (kind, key) SELECT 'mailbox', s.key FROM shown s WHERE s.kind = 'mailbox' ORDER BY s.key

-- name: compare
SELECT k.kind, count(s.key) AS shown, count(*) FILTER (WHERE s.key IS NOT NULL AND p.key IS NULL) AS missing,
  count(*) FILTER (WHERE encode(p.fingerprint, 'hex') <> s.fingerprint) AS different,
  count(*) FILTER (WHERE s.key IS NULL AND p.key IS NOT NULL) AS extra
FROM (VALUES ('mailbox'), ('organization'), ('practitioner')) AS k (kind)
LEFT JOIN (shown s FULL JOIN publication p ON p.kind = s.kind AND p.key = s.key) ON coalesce(s.kind, p.kind) = k.kind
GROUP BY k.kind ORDER BY k.kind
