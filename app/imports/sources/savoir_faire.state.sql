-- New state of the skills' file.
CREATE UNLOGGED TABLE new_skill AS
SELECT DISTINCT key AS practitioner, profession, coalesce(category, '') AS category, skill_type, skill FROM stage_practitioner;

CREATE VIEW named AS SELECT practitioner FROM new_skill;

INSERT INTO plan_warning
SELECT code, entities FROM (
  SELECT 'line.repeated' AS code, (SELECT count(*) FROM stage_practitioner) - (SELECT count(*) FROM new_skill) AS entities) warned
WHERE entities > 0;
