-- Lines of the persons' file that name nobody, no name or no profession: the first fault of each line, by the column at fault.
-- A table first: PostgreSQL reads with several processes for CREATE TABLE AS, never for INSERT.
CREATE UNLOGGED TABLE faulty AS
SELECT line, key_practitioner, national_id_fault(key_practitioner) AS id_fault, family, profession FROM stage
WHERE family IS NULL OR profession IS NULL
  OR (NOT coalesce(is_rpps_form(key_practitioner), false) AND national_id_fault(key_practitioner) IS NOT NULL);

INSERT INTO import_stage_reject (line, "column", code, detail)
SELECT line, fault[1], fault[2], fault[3]
FROM (
  SELECT line,
    CASE
      WHEN id_fault IS NOT NULL THEN ARRAY['national_id', 'national_id.' || id_fault,
        'national identification ' || coalesce(key_practitioner, '(empty)') || ': expected 8 + RPPS, 0 + ADELI, or a type, a place and a register number']
      WHEN family IS NULL THEN ARRAY['family', 'family.missing', 'the person has no name: a practice is published under a name']
      ELSE ARRAY['profession', 'profession.missing', 'the row names no profession: it cannot be placed in a practice']
    END AS fault
  FROM faulty) judged;
