-- New state of the diplomas' file; a person whom only this file names gets a row that nothing publishes.
CREATE UNLOGGED TABLE new_qualification AS
SELECT DISTINCT s.key AS practitioner, q.kind, coalesce(q.type, '') AS type, coalesce(q.code, '') AS code
FROM stage_practitioner s
CROSS JOIN LATERAL (VALUES ('diploma', s.diploma_type, s.diploma), ('authorisation', s.authorisation_type, s.discipline)) q (kind, type, code)
WHERE num_nonnulls(q.type, q.code) > 0;

CREATE UNLOGGED TABLE new_practitioner AS
SELECT named.practitioner AS national_id, rpps_of(named.practitioner) AS rpps, 'unknown' AS register_state,
  array_remove(ARRAY[national_id_warning(named.practitioner)], NULL) AS warnings
FROM (SELECT DISTINCT practitioner FROM new_qualification) named
WHERE NOT EXISTS (SELECT FROM practitioner p WHERE p.national_id = named.practitioner);

INSERT INTO plan_warning
SELECT code, entities FROM (
  SELECT 'line.repeated' AS code, (SELECT count(*) FROM stage_practitioner)
    - (SELECT count(*) FROM (SELECT DISTINCT key, diploma_type, diploma, authorisation_type, discipline FROM stage_practitioner) distinct_line) AS entities
  UNION ALL
  SELECT 'practitioner.unknown', count(DISTINCT n.practitioner) FROM new_qualification n
  LEFT JOIN practitioner p ON p.national_id = n.practitioner WHERE coalesce(p.register_state, 'unknown') = 'unknown') warned
WHERE entities > 0;
