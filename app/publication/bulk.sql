-- One portion of a kind's documents into the tables that are being built beside: numbered, with all that publish() writes with them.
-- name: practitioner
WITH made AS MATERIALIZED (
  SELECT p.*, sha256(convert_to(p.body, 'UTF8')) AS fingerprint, nextval('publication_next_number') AS sequence
  FROM published_practitioner p WHERE p.key >= %(first)s AND p.key < %(last)s
),
published AS (
  INSERT INTO publication_next (kind, key, document, fingerprint, sequence, published_at)
  SELECT 'practitioner', m.key, published_text(m.body, %(at)s, m.sequence), m.fingerprint, m.sequence, %(at)s FROM made m
),
logged AS (
  INSERT INTO change_head_next (sequence, kind, key, operation, recorded_at) SELECT m.sequence, 'practitioner', m.key, 'put', %(at)s FROM made m
),
aliased AS (
  INSERT INTO alias_next (kind, alias, key) SELECT 'practitioner', m.rpps, m.key FROM made m WHERE m.rpps IS NOT NULL
),
searched AS (
  INSERT INTO practitioner_search_next
    (key, family_key, given_key, professions, specialties, departments, postal_codes, cities, organizations, has_mailbox)
  SELECT m.key, name_key(m.family), coalesce(name_key(m.given), ''), m.professions,
    m.specialties, m.departments, m.postal_codes, m.cities, m.organizations, m.has_mailbox
  FROM made m
)
SELECT count(*) FROM made;

-- name: organization
WITH made AS MATERIALIZED (
  SELECT o.*, sha256(convert_to(o.body, 'UTF8')) AS fingerprint, nextval('publication_next_number') AS sequence
  FROM published_organization o WHERE o.key >= %(first)s AND o.key < %(last)s
),
published AS (
  INSERT INTO publication_next (kind, key, document, fingerprint, sequence, published_at)
  SELECT 'organization', m.key, published_text(m.body, %(at)s, m.sequence), m.fingerprint, m.sequence, %(at)s FROM made m
),
logged AS (
  INSERT INTO change_head_next (sequence, kind, key, operation, recorded_at) SELECT m.sequence, 'organization', m.key, 'put', %(at)s FROM made m
),
aliased AS (
  INSERT INTO alias_next (kind, alias, key)
  SELECT DISTINCT 'organization', a.alias, m.key FROM made m CROSS JOIN LATERAL unnest(m.aliases) AS a (alias)
),
searched AS (
  INSERT INTO organization_search_next (name_key, key, main, city_key, postal_code, department, type, parent)
  SELECT DISTINCT ON (m.key, v.name_key) v.name_key, m.key, v.main, name_key(m.city), m.postal_code,
    m.department, m.type, m.parent
  FROM made m
  CROSS JOIN LATERAL (
    SELECT name_key(n.name) AS name_key, n.main
    FROM (SELECT coalesce(m.name, m.long_name, m.trade_name, '') AS name, true AS main
          UNION ALL SELECT m.long_name, false WHERE m.long_name IS NOT NULL
          UNION ALL SELECT m.trade_name, false WHERE m.trade_name IS NOT NULL) n) v
  ORDER BY m.key, v.name_key, v.main DESC
)
SELECT count(*) FROM made;

-- name: mailbox
WITH made AS MATERIALIZED (
  SELECT b.*, sha256(convert_to(b.body, 'UTF8')) AS fingerprint, nextval('publication_next_number') AS sequence
  FROM published_mailbox b WHERE b.key >= %(first)s AND b.key < %(last)s
),
published AS (
  INSERT INTO publication_next (kind, key, document, fingerprint, sequence, published_at)
  SELECT 'mailbox', m.key, published_text(m.body, %(at)s, m.sequence), m.fingerprint, m.sequence, %(at)s FROM made m
),
logged AS (
  INSERT INTO change_head_next (sequence, kind, key, operation, recorded_at) SELECT m.sequence, 'mailbox', m.key, 'put', %(at)s FROM made m
),
searched AS (
  INSERT INTO mailbox_search_next (key, domain, type, practitioners, organizations)
  SELECT m.key, m.domain, m.type, m.practitioner_keys, m.organization_keys FROM made m
)
SELECT count(*) FROM made;
