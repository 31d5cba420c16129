-- One page of the professionals whose name fits one of several readings: whole names first (stage 0), then names that go on (stage 1).
WITH reading AS MATERIALIZED (
  SELECT r.family COLLATE "C" AS family, r.given COLLATE "C" AS given
  FROM unnest(%(families)s::text[], %(givens)s::text[]) AS r (family, given)
),
fitting AS (
  SELECT f.* FROM reading r CROSS JOIN LATERAL (
    SELECT 0 AS stage, s.family_key, s.given_key, s.key FROM practitioner_search s
    WHERE %(after_stage)s = 0 AND s.family_key = r.family
      AND s.given_key >= r.given AND s.given_key <= CASE WHEN r.given = '' THEN '~' ELSE r.given END
      AND {where} AND (s.family_key, s.given_key, s.key) > (%(after_family_key)s, %(after_given_key)s, %(after_key)s)
    ORDER BY s.family_key, s.given_key, s.key LIMIT %(rows)s) f
  UNION
  SELECT f.* FROM reading r CROSS JOIN LATERAL (
    SELECT 1, s.family_key, s.given_key, s.key FROM practitioner_search s
    WHERE s.family_key >= r.family AND s.family_key < r.family || '~'
      AND s.given_key >= r.given AND s.given_key < r.given || '~'
      AND NOT EXISTS (SELECT FROM reading e WHERE e.family = s.family_key AND (e.given = '' OR e.given = s.given_key))
      AND {where}
      -- From a stage 0 cursor, stage 1 starts at its beginning.
      AND (%(after_stage)s = 0 OR (s.family_key, s.given_key, s.key) > (%(after_family_key)s, %(after_given_key)s, %(after_key)s))
    ORDER BY s.family_key, s.given_key, s.key LIMIT %(rows)s) f
),
page AS MATERIALIZED (
  SELECT * FROM fitting ORDER BY stage, family_key, given_key, key LIMIT %(rows)s
),
counted AS (
  SELECT count(*) AS n FROM (
    SELECT DISTINCT f.key FROM reading r CROSS JOIN LATERAL (
      SELECT s.key FROM practitioner_search s
      WHERE s.family_key >= r.family AND s.family_key < r.family || '~'
        AND s.given_key >= r.given AND s.given_key < r.given || '~' AND {where}
      LIMIT %(counted)s) f
    LIMIT %(counted)s) c
)
SELECT d.edition, c.n, s.document, CASE s.stage WHEN 0 THEN 'exact' ELSE 'prefix' END, s.stage, s.family_key, s.given_key, s.key
FROM (SELECT * FROM directory LIMIT 1) d CROSS JOIN counted c
LEFT JOIN (SELECT page.*, p.document FROM page JOIN publication p ON p.kind = 'practitioner' AND p.key = page.key) s ON true
ORDER BY s.stage, s.family_key, s.given_key, s.key
