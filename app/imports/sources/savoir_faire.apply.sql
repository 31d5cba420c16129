-- Write what differs of the skills' file; a person whom only this file names gets a row that nothing publishes.
INSERT INTO practitioner (national_id, rpps, register_state, warnings)
SELECT practitioner, rpps_of(practitioner), 'unknown', array_remove(ARRAY[national_id_warning(practitioner)], NULL)
FROM (SELECT DISTINCT practitioner FROM skill_change WHERE action = 'create') named
WHERE NOT EXISTS (SELECT FROM practitioner p WHERE p.national_id = named.practitioner);

DELETE FROM skill s USING skill_change c
WHERE c.action = 'close' AND s.source = 'savoir_faire' AND s.practitioner = c.practitioner AND s.profession = c.profession
  AND s.category = c.category AND s.skill_type = c.skill_type AND s.skill = c.skill;
INSERT INTO skill (practitioner, profession, category, skill_type, skill, source)
SELECT practitioner, profession, category, skill_type, skill, 'savoir_faire' FROM skill_change WHERE action = 'create';

INSERT INTO pending (kind, key, run) SELECT 'practitioner', key, %(run)s FROM seen_change;
