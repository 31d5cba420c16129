-- Persons whom the file names (view `named`) and the registry lacks: a row each, that nothing publishes, and how many are unknown.
CREATE UNLOGGED TABLE unknown_person AS
SELECT n.practitioner, p.national_id IS NULL AS is_new
FROM (SELECT DISTINCT practitioner FROM named WHERE practitioner IS NOT NULL) n
LEFT JOIN practitioner p ON p.national_id = n.practitioner
WHERE coalesce(p.register_state, 'unknown') = 'unknown';

CREATE UNLOGGED TABLE new_practitioner AS
SELECT practitioner AS national_id, rpps_of(practitioner) AS rpps, 'unknown' AS register_state,
  array_remove(ARRAY[national_id_warning(practitioner)], NULL) AS warnings
FROM unknown_person WHERE is_new;

INSERT INTO plan_warning
SELECT code, entities FROM (
  SELECT 'practitioner.unknown' AS code, count(*) AS entities FROM unknown_person
  UNION ALL
  SELECT unnest(warnings), count(*) FROM new_practitioner GROUP BY 1) warned
WHERE entities > 0;
