-- One page of the structures whose name fits: names that are (0) or go on from (1) what was asked, those that hold every word (2), nearly so (3).
WITH begun AS MATERIALIZED (
  SELECT CASE WHEN s.name_key = %(name)s THEN 0 ELSE 1 END AS stage, s.name_key AS place, s.key FROM organization_search s
  WHERE %(after_stage)s < 2 AND {begins} AND {first_of_its_names} AND {filters} AND (s.name_key, s.key) > (%(begun_name)s, %(begun_key)s)
  ORDER BY s.name_key, s.key LIMIT %(rows)s
),
-- In order, for a page without a cursor reads them again: what it skips as begun is less than a page.
held AS MATERIALIZED (
  SELECT p.label, p.key FROM ({words_all}) p WHERE {holds} AND {fits} LIMIT %(counted)s
),
worded AS MATERIALIZED (
  SELECT 2 AS stage, p.label AS place, p.key FROM ({words_on}) p
  WHERE %(after_stage)s <= 2 AND (SELECT count(*) FROM begun) < %(rows)s AND {holds_on} AND {not_begun}
  ORDER BY p.label, p.key LIMIT %(rows)s
),
counted AS MATERIALIZED (
  SELECT count(*) AS n FROM (
    SELECT key FROM (SELECT s.key FROM organization_search s WHERE {begins} AND {filters} LIMIT %(counted)s) b
    UNION SELECT key FROM held) f
),
decided AS MATERIALIZED (
  SELECT CASE WHEN %(after_last)s > 0 THEN %(after_last)s WHEN %(may_be_near)s AND c.n < %(few)s THEN 3 ELSE 2 END AS last FROM counted c
),
nearly_held AS MATERIALIZED (
  SELECT p.label, p.key FROM ({near_all}) p
  WHERE (SELECT last FROM decided) = 3 AND {nearly_holds} AND NOT ({holds}) AND {not_begun} AND {fits} LIMIT %(counted)s
),
nearly AS MATERIALIZED (
  SELECT 3 AS stage, p.label AS place, p.key FROM ({near_on}) p
  WHERE (SELECT last FROM decided) = 3 AND (SELECT count(*) FROM begun) + (SELECT count(*) FROM worded) < %(rows)s AND {nearly_holds_on}
  ORDER BY p.label, p.key LIMIT %(rows)s
),
near_counted AS MATERIALIZED (SELECT count(*) AS n FROM nearly_held),
page AS MATERIALIZED (
  SELECT * FROM begun UNION ALL SELECT * FROM worded UNION ALL SELECT * FROM nearly ORDER BY stage, place, key LIMIT %(rows)s
)
SELECT d.edition, c.n + n.n, s.document, CASE s.stage WHEN 0 THEN 'exact' WHEN 3 THEN 'fuzzy' ELSE 'prefix' END,
  e.last, s.stage, s.place, s.key
FROM (SELECT * FROM directory LIMIT 1) d CROSS JOIN counted c CROSS JOIN near_counted n CROSS JOIN decided e
LEFT JOIN (
  SELECT page.*, p.document FROM page
  CROSS JOIN LATERAL (SELECT x.document FROM publication x WHERE x.kind = 'organization' AND x.key = page.key LIMIT 1) p) s ON true
ORDER BY s.stage, s.place, s.key
