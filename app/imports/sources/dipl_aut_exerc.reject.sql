-- Lines of the diplomas' file that name nobody, or nothing of anybody: the first fault of each line, by the column at fault.
INSERT INTO import_stage_reject (line, "column", code, detail)
SELECT line, fault[1], fault[2], fault[3]
FROM (
  SELECT s.line,
    CASE
      WHEN s.id_fault IS NOT NULL THEN ARRAY['national_id', 'national_id.' || s.id_fault,
        'national identification ' || coalesce(s.person, '(empty)') || ': expected 8 + RPPS, 0 + ADELI, or a type, a place and a register number']
      WHEN num_nonnulls(s.diploma_type, s.diploma, s.authorisation_type, s.discipline) = 0 THEN ARRAY['diploma', 'qualification.missing',
        'the row names no diploma and no authorisation']
    END AS fault
  FROM (SELECT *, national_id_of(national_id, id_type, id) AS person, national_id_fault(national_id_of(national_id, id_type, id)) AS id_fault
        FROM stage) s
) judged
WHERE fault IS NOT NULL;
