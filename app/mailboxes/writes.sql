-- What writes do, one of them or a portion of a batch.

-- name: stand
SELECT * FROM stand_for_writes(%(operator)s, %(certificate)s, %(domains)s::text[], %(persons)s::text[], %(asked)s::text[],
  %(candidates)s::text[], %(addresses)s::text[], %(quarantine)s)

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
SELECT audit_append_all(%(actor)s, %(credential)s, %(operator)s, 'mailbox', array_agg(a.action), array_agg(a.address),
  array_agg(decode(a.before, 'hex')), array_agg(decode(a.after, 'hex')), array_agg(a.detail), %(request_id)s)
FROM json_to_recordset(%(acts)s::json) AS a (action text, address text, before text, after text, detail text)

-- name: remember
-- For the next statement, which has no parameters; forgotten with the transaction.
SELECT set_config('annuaire.writes', %(writes)s, true)

-- name: conclude
SELECT status, headers, body FROM conclude_writes(current_setting('annuaire.writes')::json); COMMIT
