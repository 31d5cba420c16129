-- Rows of the FINESS stock without a site number of the right form.
INSERT INTO import_stage_reject (line, "column", code, detail)
SELECT line, 'finess', CASE WHEN finess IS NULL THEN 'finess.missing' ELSE 'finess.form' END,
  'FINESS number ' || coalesce(finess, '(empty)') || ': expected 9 digits, of which the second may be A or B'
FROM stage
WHERE finess_of(upper(finess)) IS NULL;
