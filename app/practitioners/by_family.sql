-- One page of the professionals whose family name fits, whatever their given name: in the order of an index, however many there are.
-- Stages: 0 whole names, 1 whole words of them, 2 beginnings, 3 one edit away, 4 alike in sound.
WITH reading AS MATERIALIZED (
  SELECT r.* FROM jsonb_to_recordset(%(readings)s) AS r (
    near_stage integer, families text[], joined text[], tokens text[], words text[], near_tokens text[], near_words text[], near_joined text[])
),
named AS MATERIALIZED (
  SELECT f.name, min(f.stage) AS stage FROM (
    SELECT t.name, CASE WHEN t.name = ANY (r.families) OR replace(t.name, ' ', '') = ANY (r.joined) THEN 0 ELSE 1 END AS stage
    FROM reading r
    CROSS JOIN LATERAL (SELECT x.name FROM name_token x WHERE x.part = 'family' AND x.token = ANY (r.tokens) OFFSET 0) t
    WHERE replace(t.name, ' ', '') = ANY (r.joined) OR t.name ~ ALL (r.words)
    UNION ALL
    SELECT t.name, r.near_stage
    FROM reading r
    CROSS JOIN LATERAL (SELECT x.name, x.token FROM name_token x WHERE x.part = 'family' AND x.token = ANY (r.near_tokens) OFFSET 0) t
    WHERE (t.token = ANY (r.near_joined) OR t.name ~ ALL (r.near_words))
      -- What begins with the text is listed as such, below.
      AND NOT EXISTS (SELECT FROM unnest(%(families)s::text[]) b WHERE starts_with(t.name, b))) f
  GROUP BY f.name
),
fitting AS (
  SELECT m.stage, s.family_key, s.given_key, s.key FROM named m CROSS JOIN LATERAL (
    SELECT s.family_key, s.given_key, s.key FROM practitioner_search s
    WHERE s.family_key = m.name AND {where}
      AND (m.stage, s.family_key, s.given_key, s.key) > (%(after_stage)s, %(after_family_key)s, %(after_given_key)s, %(after_key)s)
    ORDER BY s.given_key, s.key LIMIT %(rows)s) s
  WHERE m.stage >= %(after_stage)s
  {beginnings}
),
page AS MATERIALIZED (SELECT * FROM fitting f ORDER BY f.stage, f.family_key, f.given_key, f.key LIMIT %(rows)s),
counted AS (
  SELECT count(*) AS n FROM (
    (SELECT FROM named m CROSS JOIN LATERAL (SELECT FROM practitioner_search s WHERE s.family_key = m.name AND {where} OFFSET 0) s
     WHERE NOT EXISTS (SELECT FROM unnest(%(families)s::text[]) b WHERE starts_with(m.name, b)) LIMIT %(counted)s)
    {counted_beginnings}
    LIMIT %(counted)s) c
)
SELECT d.edition, c.n, s.document, (%(matches)s::text[])[s.stage + 1], %(level)s, s.stage, s.family_key, s.given_key, s.key
FROM (SELECT * FROM directory LIMIT 1) d CROSS JOIN counted c
LEFT JOIN (SELECT page.*, p.document FROM page JOIN publication p ON p.kind = 'practitioner' AND p.key = page.key) s ON true
ORDER BY s.stage, s.family_key, s.given_key, s.key
