-- publish() as before, which now also tells operators what became of their mailboxes, and knows whose domain is whose.

CREATE OR REPLACE FUNCTION publish(kinds text[], keys text[], wide integer DEFAULT 1000) RETURNS bigint
LANGUAGE plpgsql
-- One plan for the life of a connection, by keys whatever the tables held when it was made: 457 000 first documents were
-- published at 20 ids a second by a plan that was cached while the tables were empty.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
DECLARE
  deferred_kinds text[] := '{}';
  deferred_keys text[] := '{}';
  further_kinds text[] := '{}';
  further_keys text[] := '{}';
  result bigint;
BEGIN
  -- Everything below is computed by later statements, each with its own snapshot (READ COMMITTED), so it sees all that was
  -- committed before the lock was granted. 4 is the number of the publication among annuaire's advisory locks.
  PERFORM pg_advisory_xact_lock(4);

  -- One change of a structure, domain, code, … may touch half the directory: then its dependents wait in pending, unless it
  -- takes something out of sight, which is always done wholly and at once.
  IF NOT kinds <@ ARRAY['mailbox', 'practitioner'] THEN
    SELECT coalesce(array_agg(w.kind), '{}'), coalesce(array_agg(w.key), '{}') INTO deferred_kinds, deferred_keys
    FROM (SELECT DISTINCT a.kind, a.key FROM unnest(kinds, keys) AS a (kind, key)) w
    WHERE w.kind NOT IN ('mailbox', 'practitioner')
      AND (SELECT count(*) FROM (SELECT FROM dependent d WHERE d.kind = w.kind AND d.key = w.key LIMIT wide + 1) few) > wide
      AND NOT (w.kind = 'domain' AND NOT EXISTS (SELECT FROM domain d WHERE d.name = w.key))
      AND NOT (w.kind = 'organization' AND NOT EXISTS (SELECT FROM organization_record r WHERE r.organization = w.key));
    INSERT INTO pending (kind, key)
    SELECT d.to_kind, d.to_key
    FROM unnest(deferred_kinds, deferred_keys) AS w (kind, key)
    CROSS JOIN LATERAL (SELECT DISTINCT x.to_kind, x.to_key FROM dependent x WHERE x.kind = w.kind AND x.key = w.key) d
    -- Under the lock nobody drains: a mark that is there is taken after this commit, or stands among the ids asked now.
    WHERE (SELECT true FROM pending p WHERE p.kind = d.to_kind AND p.key = d.to_key LIMIT 1) IS NULL;
    SELECT coalesce(array_agg(d.to_kind), '{}'), coalesce(array_agg(d.to_key), '{}') INTO further_kinds, further_keys
    FROM unnest(kinds, keys) AS a (kind, key)
    CROSS JOIN LATERAL (SELECT x.to_kind, x.to_key FROM dependent x WHERE x.kind = a.kind AND x.key = a.key OFFSET 0) d
    WHERE a.kind NOT IN ('mailbox', 'organization', 'practitioner')
      AND NOT EXISTS (SELECT FROM unnest(deferred_kinds, deferred_keys) AS w (kind, key) WHERE w.kind = a.kind AND w.key = a.key);
  END IF;

  WITH asked AS MATERIALIZED (
    SELECT DISTINCT a.kind, a.key FROM unnest(kinds, keys) AS a (kind, key)
  ),
  touched AS MATERIALIZED (
    SELECT a.kind, a.key FROM asked a WHERE a.kind IN ('mailbox', 'organization', 'practitioner')
    UNION
    SELECT d.to_kind, d.to_key
    FROM (
      SELECT x.to_kind, x.to_key
      FROM (SELECT a.kind, a.key FROM asked a EXCEPT SELECT * FROM unnest(deferred_kinds, deferred_keys)) a
      CROSS JOIN LATERAL (SELECT n.to_kind, n.to_key FROM near_dependent n WHERE n.kind = a.kind AND n.key = a.key OFFSET 0) x
      UNION ALL
      SELECT f.kind, f.key FROM unnest(further_kinds, further_keys) AS f (kind, key)
    ) d
    -- A resource that was never published and still waits in pending is published from there: nothing of it can be stale yet.
    WHERE (SELECT true FROM publication p WHERE p.kind = d.to_kind AND p.key = d.to_key LIMIT 1) IS TRUE
       OR (SELECT true FROM pending w WHERE w.kind = d.to_kind AND w.key = d.to_key LIMIT 1) IS NULL
  ),
  mailboxes AS MATERIALIZED (
    SELECT m.* FROM touched t
    CROSS JOIN LATERAL (SELECT * FROM published_mailbox x WHERE x.key = t.key OFFSET 0) m WHERE t.kind = 'mailbox'
  ),
  organizations AS MATERIALIZED (
    SELECT o.* FROM touched t
    CROSS JOIN LATERAL (SELECT * FROM published_organization x WHERE x.key = t.key OFFSET 0) o WHERE t.kind = 'organization'
  ),
  practitioners AS MATERIALIZED (
    SELECT p.* FROM touched t
    CROSS JOIN LATERAL (SELECT * FROM published_practitioner x WHERE x.key = t.key OFFSET 0) p WHERE t.kind = 'practitioner'
  ),
  fresh AS (
    SELECT 'mailbox' AS kind, key, body, sha256(convert_to(body, 'UTF8')) AS fingerprint FROM mailboxes
    UNION ALL
    SELECT 'organization', key, body, sha256(convert_to(body, 'UTF8')) FROM organizations
    UNION ALL
    SELECT 'practitioner', key, body, sha256(convert_to(body, 'UTF8')) FROM practitioners
  ),
  differing AS MATERIALIZED (
    SELECT t.kind, t.key, f.body, f.fingerprint, p.ctid AS place, p.published_at,
           CASE WHEN f.key IS NULL THEN 'delete' ELSE 'put' END AS operation,
           row_number() OVER (ORDER BY t.kind COLLATE "C", t.key COLLATE "C") AS position
    FROM touched t
    LEFT JOIN fresh f ON f.kind = t.kind AND f.key = t.key
    LEFT JOIN LATERAL (SELECT x.ctid, x.fingerprint, x.published_at FROM publication x
                       WHERE x.kind = t.kind AND x.key = t.key LIMIT 1) p ON true
    WHERE f.fingerprint IS DISTINCT FROM p.fingerprint
  ),
  counted AS (
    UPDATE directory SET edition = edition + (SELECT count(*) FROM differing)
    WHERE EXISTS (SELECT FROM differing)
    RETURNING edition, edition - (SELECT count(*) FROM differing) AS before
  ),
  numbered AS MATERIALIZED (
    SELECT d.*, c.before + d.position AS sequence FROM differing d, counted c
  ),
  logged AS (
    INSERT INTO change (sequence, kind, key, operation)
    SELECT n.sequence, n.kind, n.key, n.operation FROM numbered n ORDER BY n.sequence
  ),
  removed AS (
    DELETE FROM publication WHERE ctid = ANY (ARRAY(SELECT n.place FROM numbered n WHERE n.operation = 'delete'))
  ),
  -- Nobody else writes these tables while the lock is held: a row is where it was seen, and an absent one stays absent.
  rewritten AS (
    UPDATE publication p
    SET document = document_text(n.body, n.published_at, n.sequence, now()), fingerprint = n.fingerprint, sequence = n.sequence
    FROM numbered n WHERE p.ctid = n.place AND n.operation = 'put'
  ),
  written AS (
    INSERT INTO publication (kind, key, document, fingerprint, sequence, published_at)
    SELECT n.kind, n.key, document_text(n.body, now(), n.sequence, now()), n.fingerprint, n.sequence, now()
    FROM numbered n WHERE n.place IS NULL AND n.operation = 'put'
  ),
  -- Aliases and search rows live and die with their document, in this same statement. coalesce(… IN …) is a hashed
  -- subplan: as a join of two CTEs whose sizes the planner cannot know it was a nested loop, quadratic in the portion.
  named AS MATERIALIZED (
    SELECT 'practitioner' AS kind, p.rpps AS alias, p.key FROM practitioners p
    WHERE p.rpps IS NOT NULL AND coalesce(p.key IN (SELECT n.key FROM numbered n WHERE n.kind = 'practitioner'), false)
    UNION
    SELECT 'organization', a.alias, o.key FROM organizations o CROSS JOIN LATERAL unnest(o.aliases) AS a (alias)
    WHERE coalesce(o.key IN (SELECT n.key FROM numbered n WHERE n.kind = 'organization'), false)
  ),
  known AS MATERIALIZED (
    SELECT a.ctid AS place, a.kind, a.alias, a.key FROM numbered n
    CROSS JOIN LATERAL (SELECT x.ctid, x.* FROM alias x WHERE x.kind = n.kind AND x.key = n.key OFFSET 0) a
    WHERE n.kind <> 'mailbox'
  ),
  unaliased AS (
    DELETE FROM alias WHERE ctid = ANY (ARRAY(
      SELECT k.place FROM known k WHERE NOT coalesce((k.kind, k.alias, k.key) IN (SELECT x.kind, x.alias, x.key FROM named x), false)))
  ),
  aliased AS (
    INSERT INTO alias (kind, alias, key)
    SELECT x.kind, x.alias, x.key FROM named x
    WHERE NOT coalesce((x.kind, x.alias, x.key) IN (SELECT k.kind, k.alias, k.key FROM known k), false)
  ),
  -- A row that stays as it is is not offered: a conflict that changes nothing still locks its row, and writes that down.
  mailbox_rows AS (
    INSERT INTO mailbox_search AS s (key, domain, type, practitioners, organizations)
    SELECT m.key, m.domain, m.type, m.practitioner_keys, m.organization_keys
    FROM mailboxes m LEFT JOIN LATERAL (SELECT * FROM mailbox_search x WHERE x.key = m.key LIMIT 1) o ON true
    WHERE coalesce(m.key IN (SELECT n.key FROM numbered n WHERE n.kind = 'mailbox'), false)
      AND (o.type, o.practitioners, o.organizations) IS DISTINCT FROM (m.type, m.practitioner_keys, m.organization_keys)
    ON CONFLICT (key) DO UPDATE
      SET type = excluded.type, practitioners = excluded.practitioners, organizations = excluded.organizations
  ),
  mailbox_rows_gone AS (
    DELETE FROM mailbox_search WHERE ctid = ANY (ARRAY(
      SELECT s.ctid FROM numbered n CROSS JOIN LATERAL (SELECT x.ctid FROM mailbox_search x WHERE x.key = n.key LIMIT 1) s
      WHERE n.kind = 'mailbox' AND n.operation = 'delete'))
  ),
  practitioner_rows AS (
    INSERT INTO practitioner_search AS s
      (key, family_key, given_key, professions, specialties, departments, postal_codes, cities, organizations, has_mailbox)
    SELECT p.key, p.family_key, p.given_key, p.professions, p.specialties, p.departments, p.postal_codes, p.cities, p.organizations, p.has_mailbox
    FROM (SELECT p.*, name_key(p.family) AS family_key, coalesce(name_key(p.given), '') AS given_key FROM practitioners p
          WHERE coalesce(p.key IN (SELECT n.key FROM numbered n WHERE n.kind = 'practitioner'), false) OFFSET 0) p
    LEFT JOIN LATERAL (SELECT * FROM practitioner_search x WHERE x.key = p.key LIMIT 1) o ON true
    WHERE (o.family_key, o.given_key, o.professions, o.specialties, o.departments, o.postal_codes, o.cities, o.organizations, o.has_mailbox)
      IS DISTINCT FROM (p.family_key, p.given_key, p.professions, p.specialties, p.departments, p.postal_codes, p.cities, p.organizations, p.has_mailbox)
    ON CONFLICT (key) DO UPDATE
      SET family_key = excluded.family_key, given_key = excluded.given_key, professions = excluded.professions,
          specialties = excluded.specialties, departments = excluded.departments, postal_codes = excluded.postal_codes,
          cities = excluded.cities, organizations = excluded.organizations, has_mailbox = excluded.has_mailbox
  ),
  practitioner_rows_gone AS (
    DELETE FROM practitioner_search WHERE ctid = ANY (ARRAY(
      SELECT s.ctid FROM numbered n CROSS JOIN LATERAL (SELECT x.ctid FROM practitioner_search x WHERE x.key = n.key LIMIT 1) s
      WHERE n.kind = 'practitioner' AND n.operation = 'delete'))
  ),
  organization_names AS MATERIALIZED (
    SELECT DISTINCT ON (o.key, v.name_key) o.key, v.name_key, v.main, name_key(o.city) AS city_key, o.postal_code, o.department, o.type, o.parent
    FROM organizations o
    CROSS JOIN LATERAL (
      SELECT name_key(coalesce(o.name, o.long_name, o.trade_name, '')) AS name_key, true AS main
      UNION ALL SELECT name_key(o.long_name), false WHERE o.long_name IS NOT NULL
      UNION ALL SELECT name_key(o.trade_name), false WHERE o.trade_name IS NOT NULL) v
    WHERE coalesce(o.key IN (SELECT n.key FROM numbered n WHERE n.kind = 'organization'), false)
    ORDER BY o.key, v.name_key, v.main DESC
  ),
  organization_rows AS (
    INSERT INTO organization_search (name_key, key, main, city_key, postal_code, department, type, parent)
    SELECT x.name_key, x.key, x.main, x.city_key, x.postal_code, x.department, x.type, x.parent FROM organization_names x
    LEFT JOIN LATERAL (SELECT * FROM organization_search s WHERE s.name_key = x.name_key AND s.key = x.key LIMIT 1) o ON true
    WHERE (o.main, o.city_key, o.postal_code, o.department, o.type, o.parent)
      IS DISTINCT FROM (x.main, x.city_key, x.postal_code, x.department, x.type, x.parent)
    ON CONFLICT (name_key, key) DO UPDATE
      SET main = excluded.main, city_key = excluded.city_key, postal_code = excluded.postal_code,
          department = excluded.department, type = excluded.type, parent = excluded.parent
  ),
  organization_rows_gone AS (
    DELETE FROM organization_search WHERE ctid = ANY (ARRAY(
      SELECT s.ctid FROM numbered n
      CROSS JOIN LATERAL (SELECT x.ctid, x.name_key FROM organization_search x WHERE x.key = n.key OFFSET 0) s
      LEFT JOIN organization_names y ON y.key = n.key AND y.name_key = s.name_key
      WHERE n.kind = 'organization' AND y.key IS NULL))
  ),
  gone AS MATERIALIZED (
    SELECT n.key, m.successor,
      CASE WHEN m.address IS NULL OR m.state = 'withdrawn' THEN 'withdrawn'
           WHEN (SELECT loaded FROM source WHERE name = 'liste_blanche')
             AND (SELECT true FROM domain_owner d WHERE d.name = m.domain AND (m.operator IS NULL OR d.operator = m.operator) LIMIT 1) IS NOT TRUE
             THEN 'domain_unlisted'
           ELSE 'holder_inactive' END AS reason
    FROM numbered n LEFT JOIN LATERAL (SELECT * FROM mailbox x WHERE x.address = n.key LIMIT 1) m ON true
    WHERE n.kind = 'mailbox' AND n.operation = 'delete' AND NOT coalesce(m.unlisted OR m.state = 'suspended', false)
    UNION ALL
    -- It was taken out of sight before, and is withdrawn now: from now on senders are told who follows.
    SELECT t.key, m.successor, 'withdrawn' FROM touched t
    CROSS JOIN LATERAL (SELECT x.reason FROM withdrawn x WHERE x.address = t.key LIMIT 1) w
    CROSS JOIN LATERAL (SELECT x.successor FROM mailbox x WHERE x.address = t.key AND x.state = 'withdrawn' LIMIT 1) m
    WHERE t.kind = 'mailbox' AND w.reason <> 'withdrawn'
  ),
  withdrawals AS (
    INSERT INTO withdrawn (address, since, successor, reason) SELECT g.key, now(), g.successor, g.reason FROM gone g
    ON CONFLICT (address) DO UPDATE SET since = excluded.since, successor = excluded.successor, reason = excluded.reason
  ),
  forgotten AS (
    -- Public again, or hidden now: a hidden address must answer like one that never was.
    DELETE FROM withdrawn WHERE ctid = ANY (ARRAY(
      SELECT w.ctid FROM touched t
      CROSS JOIN LATERAL (SELECT x.ctid FROM withdrawn x WHERE x.address = t.key LIMIT 1) w
      LEFT JOIN mailboxes v ON v.key = t.key
      LEFT JOIN LATERAL (SELECT * FROM mailbox x WHERE x.address = t.key LIMIT 1) m ON true
      WHERE t.kind = 'mailbox' AND (v.key IS NOT NULL OR m.unlisted OR m.state = 'suspended')))
    RETURNING address, reason
  ),
  -- What happens to a mailbox without its operator's doing, its operator is told, in the transaction in which it happens.
  told AS (
    INSERT INTO notice (operator, code, kind, key, detail)
    SELECT o.operator, t.code, 'mailbox', t.key, '{"edition":' || (SELECT c.edition FROM counted c) || '}'
    FROM (
      SELECT g.key, 'mailbox.' || g.reason AS code FROM gone g WHERE g.reason <> 'withdrawn'
      UNION ALL
      SELECT f.address, 'mailbox.restored' FROM forgotten f
      WHERE f.reason <> 'withdrawn' AND coalesce(f.address IN (SELECT v.key FROM mailboxes v), false)
    ) t
    CROSS JOIN LATERAL (SELECT x.domain, x.operator FROM mailbox x WHERE x.address = t.key LIMIT 1) m
    CROSS JOIN LATERAL (
      SELECT coalesce(m.operator, (SELECT CASE WHEN min(d.operator) = max(d.operator) THEN min(d.operator) END
                                   FROM domain_owner d WHERE d.name = m.domain)) AS operator) o
    WHERE o.operator IS NOT NULL ORDER BY t.key
  )
  SELECT c.edition INTO result FROM counted c;

  IF result IS NOT NULL THEN
    PERFORM pg_notify('annuaire_change', result::text);
    RETURN result;
  END IF;
  RETURN (SELECT d.edition FROM directory d);
END $$;
