-- What writes need to know, and hold until they commit; then what they do. Each statement serves one write or a portion of a
-- batch. Locks are taken in one order: operator, domains, persons, mailboxes (each kind by key), then 4 and 10.

-- name: domains
SELECT d.name FROM operator o
JOIN operator_certificate c ON c.operator = o.id
JOIN domain d ON d.certificate = c.dn
WHERE o.id = %(operator)s AND d.name = ANY (%(domains)s::text[])
  AND (%(certificate)s::text IS NULL OR d.certificate = %(certificate)s)
ORDER BY d.name, d.certificate FOR SHARE OF o, d

-- name: faults
-- Asked when the operator is held.
SELECT code, detail FROM publishing_fault(%(operator)s)

-- name: persons
SELECT p.national_id, p.register_state FROM practitioner p
WHERE p.national_id = ANY (%(persons)s::text[]) ORDER BY p.national_id FOR SHARE

-- name: structures
SELECT DISTINCT a.asked, k.key
FROM unnest(%(asked)s::text[], %(candidates)s::text[]) AS a (asked, candidate)
CROSS JOIN LATERAL (SELECT a.candidate COLLATE "C" AS key
                    UNION SELECT x.key FROM alias x WHERE x.kind = 'organization' AND x.alias = a.candidate) k
WHERE (SELECT true FROM organization_record r WHERE r.organization = k.key LIMIT 1)
ORDER BY 1, 2

-- name: hold_mailboxes
-- In the caller's domains alone: in those of others it must neither wait for a hidden mailbox, nor make anybody wait, nor take
-- longer than where there is none.
SELECT FROM mailbox m
WHERE m.address = ANY (%(addresses)s::text[])
  AND (SELECT true FROM domain d JOIN operator_certificate c ON c.dn = d.certificate
       WHERE d.name = m.domain AND c.operator = %(operator)s
         AND (%(certificate)s::text IS NULL OR d.certificate = %(certificate)s) LIMIT 1)
ORDER BY m.address FOR UPDATE OF m

-- name: mailboxes
SELECT m.address, m.type, m.operator, m.source, m.service, m.description, m.rank, m.dematerialization, m.unlisted, m.responsible,
  m.phone, m.state, m.successor, h.practitioners, h.organizations, o.etag,
  CASE WHEN m.state = 'withdrawn' THEN coalesce(m.withdrawn_at, m.updated_at) END AS withdrawn_at,
  m.state = 'withdrawn' AND coalesce(m.withdrawn_at, m.updated_at) > now() - make_interval(days => %(quarantine)s) AS is_quarantined
FROM mailbox m
CROSS JOIN LATERAL (
  SELECT coalesce(array_agg(a.practitioner ORDER BY a.practitioner, a.organization), '{}') AS practitioners,
    coalesce(array_agg(a.organization ORDER BY a.practitioner, a.organization), '{}') AS organizations
  FROM mailbox_attachment a WHERE a.address = m.address) h
CROSS JOIN LATERAL owners_view(m.address) o
WHERE m.address = ANY (%(addresses)s::text[])
  AND (SELECT true FROM domain d JOIN operator_certificate c ON c.dn = d.certificate
       WHERE d.name = m.domain AND c.operator = %(operator)s
         AND (%(certificate)s::text IS NULL OR d.certificate = %(certificate)s) LIMIT 1)

-- name: insert
WITH wanted AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%(rows)s::json) AS r (address text, domain text, type text, service text, description text, rank integer,
    dematerialization boolean, unlisted boolean, responsible text, phone text, state text, operator text, practitioner text, organization text)
),
written AS (
  INSERT INTO mailbox (address, domain, type, service, description, rank, dematerialization, unlisted, responsible, phone, state, operator, source)
  SELECT address, domain, type, service, description, rank, dematerialization, unlisted, responsible, phone, state, operator, 'api'
  FROM wanted ORDER BY address COLLATE "C"
)
INSERT INTO mailbox_attachment (address, practitioner, organization)
SELECT address, practitioner, organization FROM wanted ORDER BY address COLLATE "C"

-- name: update
UPDATE mailbox m
SET type = r.type, service = r.service, description = r.description, rank = r.rank, dematerialization = r.dematerialization,
  unlisted = r.unlisted, responsible = r.responsible, phone = r.phone, state = r.state, successor = r.successor,
  operator = r.operator, source = 'api', updated_at = now()
FROM json_to_recordset(%(rows)s::json) AS r (address text, type text, service text, description text, rank integer,
  dematerialization boolean, unlisted boolean, responsible text, phone text, state text, successor text, operator text)
WHERE m.address = r.address

-- name: detach
DELETE FROM mailbox_attachment WHERE address = ANY (%(addresses)s::text[])

-- name: attach
INSERT INTO mailbox_attachment (address, practitioner, organization)
SELECT r.address, r.practitioner, r.organization
FROM json_to_recordset(%(rows)s::json) AS r (address text, practitioner text, organization text)

-- name: publish
SELECT publish(%(kinds)s::text[], %(keys)s::text[])

-- name: audit
SELECT audit_append_all(%(actor)s, %(credential)s, %(operator)s, 'mailbox', %(actions)s::text[], %(keys)s::text[], %(befores)s::bytea[],
  %(afters)s::bytea[], %(details)s::text[], %(request_id)s)

-- name: answer
SELECT %(status)s::integer AS status,
  json_strip_nulls(json_build_object('ETag', o.etag, 'Directory-Edition', d.edition::text, 'Location', %(location)s::text,
    'Cache-Control', 'no-store', 'Content-Type', CASE WHEN o.document IS NOT NULL THEN 'application/json' END))::text AS headers,
  convert_to(coalesce(o.document, ''), 'UTF8') AS body
FROM (SELECT * FROM directory LIMIT 1) d
CROSS JOIN LATERAL owners_view(%(address)s) o
