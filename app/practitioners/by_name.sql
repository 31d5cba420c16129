-- One page of the professionals whose name fits one of several readings of a text, family and given names both typed.
-- Stages: 0 whole names, 1 whole words of them, 2 beginnings, 3 one edit away, 4 alike in sound.
WITH reading AS MATERIALIZED (
  SELECT r.* FROM jsonb_to_recordset(%(readings)s) AS r (
    n integer, near_stage integer, families text[], joined text[], tokens text[], words text[], near_tokens text[], near_words text[], near_joined text[],
    givens text[], given_joined text[], given_words text[], given_begins text[], given_possible text[],
    near_given_joined text[])
),
named AS MATERIALIZED (
  SELECT f.n, f.name, min(f.stage) AS stage FROM (
    SELECT r.n, t.name, CASE WHEN t.name = ANY (r.families) OR replace(t.name, ' ', '') = ANY (r.joined) THEN 0 ELSE 1 END AS stage
    FROM reading r
    CROSS JOIN LATERAL (SELECT x.name FROM name_token x WHERE x.part = 'family' AND x.token = ANY (r.tokens) OFFSET 0) t
    WHERE replace(t.name, ' ', '') = ANY (r.joined) OR t.name ~ ALL (r.words)
    UNION ALL
    SELECT r.n, t.name, r.near_stage
    FROM reading r
    CROSS JOIN LATERAL (SELECT x.name, x.token FROM name_token x WHERE x.part = 'family' AND x.token = ANY (r.near_tokens) OFFSET 0) t
    WHERE t.token = ANY (r.near_joined) OR t.name ~ ALL (r.near_words)) f
  GROUP BY f.n, f.name
),
fitting AS MATERIALIZED (
  SELECT min(f.stage) AS stage, f.family_key, f.given_key, f.key FROM (
    SELECT greatest(m.stage, g.stage) AS stage, s.family_key, s.given_key, s.key
    FROM named m JOIN reading r ON r.n = m.n
    CROSS JOIN LATERAL (
      SELECT s.family_key, s.given_key, s.key FROM practitioner_search s
      WHERE s.family_key = m.name AND {where}
        -- Most of a family have other given names: one pattern rules them out before the stages are told apart.
        AND (r.givens = '{{}}' OR s.given_key ~ ALL (r.given_possible) OR starts_with(replace(s.given_key, ' ', ''), r.given_joined[1])
             OR replace(s.given_key, ' ', '') = ANY (r.near_given_joined))
      OFFSET 0) s
    CROSS JOIN LATERAL (SELECT CASE
      WHEN r.givens = '{{}}' OR s.given_key = ANY (r.givens) OR replace(s.given_key, ' ', '') = ANY (r.given_joined) THEN 0
      WHEN s.given_key ~ ALL (r.given_words) THEN 1
      WHEN s.given_key ~ ALL (r.given_begins) OR starts_with(replace(s.given_key, ' ', ''), r.given_joined[1]) THEN 2
      ELSE r.near_stage END AS stage) g
    UNION ALL
    SELECT 2, s.family_key, s.given_key, s.key
    FROM reading r CROSS JOIN LATERAL unnest(r.families) AS b (family) CROSS JOIN LATERAL unnest(r.givens) AS c (given)
    CROSS JOIN LATERAL (
      SELECT s.family_key, s.given_key, s.key FROM practitioner_search s
      WHERE left(s.family_key, 3) = left(b.family, 3) AND s.given_key >= c.given AND s.given_key < c.given || '~'
        AND s.family_key >= b.family AND s.family_key < b.family || '~' AND {where} OFFSET 0) s
    WHERE length(b.family) >= 3
    UNION ALL
    SELECT 2, s.family_key, s.given_key, s.key
    FROM reading r CROSS JOIN LATERAL unnest(r.families) AS b (family)
    CROSS JOIN LATERAL (
      SELECT s.family_key, s.given_key, s.key FROM practitioner_search s
      WHERE s.family_key >= b.family AND s.family_key < b.family || '~' AND {where} OFFSET 0) s
    WHERE r.givens = '{{}}') f
  GROUP BY f.family_key, f.given_key, f.key
),
page AS MATERIALIZED (
  SELECT f.* FROM fitting f
  WHERE (f.stage, f.family_key, f.given_key, f.key) > (%(after_stage)s, %(after_family_key)s, %(after_given_key)s, %(after_key)s)
  ORDER BY f.stage, f.family_key, f.given_key, f.key LIMIT %(rows)s
),
counted AS (SELECT count(*) AS n FROM (SELECT FROM fitting LIMIT %(counted)s) c)
SELECT d.edition, c.n, s.document, (%(matches)s::text[])[s.stage + 1], %(level)s, s.stage, s.family_key, s.given_key, s.key
FROM (SELECT * FROM directory LIMIT 1) d CROSS JOIN counted c
LEFT JOIN (SELECT page.*, p.document FROM page JOIN publication p ON p.kind = 'practitioner' AND p.key = page.key) s ON true
ORDER BY s.stage, s.family_key, s.given_key, s.key
