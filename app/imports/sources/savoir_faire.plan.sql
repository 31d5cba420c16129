-- New state of the skills' file, how it differs from the registry, and whose shown skills change.
ANALYZE stage;

CREATE TEMP TABLE new_skill ON COMMIT DROP AS
SELECT DISTINCT national_id_of(national_id, id_type, id) AS practitioner, tidy(profession) AS profession,
  coalesce(tidy(category), '') AS category, tidy(skill_type) AS skill_type, tidy(skill) AS skill
FROM stage;
ANALYZE new_skill;

CREATE TEMP TABLE skill_change ON COMMIT DROP AS
SELECT * FROM (
  SELECT coalesce(n.practitioner, s.practitioner) AS practitioner, coalesce(n.profession, s.profession) AS profession,
    coalesce(n.category, s.category) AS category, coalesce(n.skill_type, s.skill_type) AS skill_type, coalesce(n.skill, s.skill) AS skill,
    CASE WHEN n.practitioner IS NULL THEN 'close' WHEN s.practitioner IS NULL THEN 'create' ELSE 'same' END AS action
  FROM new_skill n
  FULL JOIN (SELECT * FROM skill WHERE source = 'savoir_faire') s
    ON s.practitioner = n.practitioner AND s.profession = n.profession AND s.category = n.category
    AND s.skill_type = n.skill_type AND s.skill = n.skill) compared;

-- Before the first load the world sees the skills of the persons' file: then those change whose two lists differ.
CREATE TEMP TABLE seen_change ON COMMIT DROP AS
SELECT DISTINCT seen.practitioner AS key FROM (
  SELECT practitioner FROM skill_change
  WHERE action <> 'same' AND EXISTS (SELECT FROM source WHERE name = 'savoir_faire' AND loaded)
  UNION ALL
  SELECT coalesce(n.practitioner, s.practitioner)
  FROM new_skill n
  FULL JOIN (SELECT * FROM skill WHERE source = 'personne_activite') s
    ON s.practitioner = n.practitioner AND s.profession = n.profession AND s.category = n.category
    AND s.skill_type = n.skill_type AND s.skill = n.skill
  WHERE (n.practitioner IS NULL OR s.practitioner IS NULL)
    AND NOT EXISTS (SELECT FROM source WHERE name = 'savoir_faire' AND loaded)) seen
JOIN practitioner p ON p.national_id = seen.practitioner AND p.register_state = 'active';

INSERT INTO plan (kind, key, action)
SELECT 'skill', concat_ws('/', practitioner, profession, category, skill_type, skill), action FROM skill_change;

CREATE TEMP TABLE plan_warning ON COMMIT DROP AS
SELECT code, entities FROM (
  SELECT 'line.repeated' AS code, (SELECT count(*) FROM stage) - (SELECT count(*) FROM new_skill) AS entities
  UNION ALL
  SELECT 'practitioner.unknown', count(DISTINCT n.practitioner) FROM new_skill n
  LEFT JOIN practitioner p ON p.national_id = n.practitioner WHERE coalesce(p.register_state, 'unknown') = 'unknown') warned
WHERE entities > 0;
