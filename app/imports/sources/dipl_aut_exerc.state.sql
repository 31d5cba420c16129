-- New state of the diplomas' file.
CREATE UNLOGGED TABLE new_qualification AS
SELECT DISTINCT s.key AS practitioner, q.kind, coalesce(q.type, '') AS type, coalesce(q.code, '') AS code
FROM stage_practitioner s
CROSS JOIN LATERAL (VALUES ('diploma', s.diploma_type, s.diploma), ('authorisation', s.authorisation_type, s.discipline)) q (kind, type, code)
WHERE num_nonnulls(q.type, q.code) > 0;

CREATE VIEW named AS SELECT practitioner FROM new_qualification;

INSERT INTO plan_warning
SELECT code, entities FROM (
  SELECT 'line.repeated' AS code, (SELECT count(*) FROM stage_practitioner)
    - (SELECT count(*) FROM (SELECT DISTINCT key, diploma_type, diploma, authorisation_type, discipline FROM stage_practitioner) distinct_line) AS entities) warned
WHERE entities > 0;
