-- Persons whom the file names (view `named`) and the registry lacks: a row each, that nothing publishes, and how many are unknown.
CREATE UNLOGGED TABLE new_practitioner AS
SELECT n.practitioner AS national_id, rpps_of(n.practitioner) AS rpps, 'unknown' AS register_state,
  array_remove(ARRAY[national_id_warning(n.practitioner)], NULL) AS warnings
FROM (SELECT DISTINCT practitioner FROM named WHERE practitioner IS NOT NULL) n
WHERE NOT EXISTS (SELECT FROM practitioner p WHERE p.national_id = n.practitioner);

INSERT INTO plan_warning
SELECT code, entities FROM (
  SELECT 'practitioner.unknown' AS code, count(*) AS entities
  FROM (SELECT DISTINCT practitioner FROM named WHERE practitioner IS NOT NULL) n
  LEFT JOIN practitioner p ON p.national_id = n.practitioner WHERE coalesce(p.register_state, 'unknown') = 'unknown'
  UNION ALL
  SELECT unnest(warnings), count(*) FROM new_practitioner GROUP BY 1) warned
WHERE entities > 0;
