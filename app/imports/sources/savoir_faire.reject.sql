-- Lines of the skills' file that name nobody, no profession or no skill: the first fault of each line, by the column at fault.
INSERT INTO import_stage_reject (line, "column", code, detail)
SELECT line, fault[1], fault[2], fault[3]
FROM (
  SELECT s.line,
    CASE
      WHEN s.id_fault IS NOT NULL THEN ARRAY['national_id', 'national_id.' || s.id_fault,
        'national identification ' || coalesce(s.person, '(empty)') || ': expected 8 + RPPS, 0 + ADELI, or a type, a place and a register number']
      WHEN s.profession IS NULL THEN ARRAY['profession', 'profession.missing', 'the row names no profession: a skill belongs to a practice']
      WHEN s.skill_type IS NULL THEN ARRAY['skill_type', 'skill_type.missing', 'a skill needs its type: two types share some codes']
      WHEN s.skill IS NULL THEN ARRAY['skill', 'skill.missing', 'the row names no skill']
    END AS fault
  FROM (SELECT *, key_practitioner AS person, national_id_fault(key_practitioner) AS id_fault FROM stage
        WHERE NOT coalesce(is_rpps_form(key_practitioner), false) OR profession IS NULL OR skill_type IS NULL OR skill IS NULL) s
) judged
WHERE fault IS NOT NULL;
