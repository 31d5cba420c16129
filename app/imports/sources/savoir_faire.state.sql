-- New state of the skills' file; a person whom only this file names gets a row that nothing publishes.
CREATE UNLOGGED TABLE new_skill AS
SELECT DISTINCT key AS practitioner, profession, coalesce(category, '') AS category, skill_type, skill FROM stage_practitioner;

CREATE UNLOGGED TABLE new_practitioner AS
SELECT named.practitioner AS national_id, rpps_of(named.practitioner) AS rpps, 'unknown' AS register_state,
  array_remove(ARRAY[national_id_warning(named.practitioner)], NULL) AS warnings
FROM (SELECT DISTINCT practitioner FROM new_skill) named
WHERE NOT EXISTS (SELECT FROM practitioner p WHERE p.national_id = named.practitioner);

INSERT INTO plan_warning
SELECT code, entities FROM (
  SELECT 'line.repeated' AS code, (SELECT count(*) FROM stage_practitioner) - (SELECT count(*) FROM new_skill) AS entities
  UNION ALL
  SELECT 'practitioner.unknown', count(DISTINCT n.practitioner) FROM new_skill n
  LEFT JOIN practitioner p ON p.national_id = n.practitioner WHERE coalesce(p.register_state, 'unknown') = 'unknown'
  UNION ALL
  SELECT unnest(warnings), count(*) FROM new_practitioner GROUP BY 1) warned
WHERE entities > 0;
