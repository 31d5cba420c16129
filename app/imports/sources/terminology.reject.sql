-- Lines of a code system without a code, a label, or the name of a table: the first fault of each line, by the column at fault.
INSERT INTO import_stage_reject (line, "column", code, detail)
SELECT line, fault[1], fault[2], fault[3]
FROM (
  SELECT line,
    CASE
      WHEN coalesce(system, '') !~ '^(TRE|JDV)_[A-Z][0-9]+' THEN ARRAY['system', 'system.form',
        'table ' || coalesce(system, '(empty)') || ': expected the name of a national table, as TRE_R38-SpecialiteOrdinale']
      WHEN code IS NULL THEN ARRAY['code', 'code.missing', 'the row names no code']
      WHEN label IS NULL THEN ARRAY['label', 'label.missing', 'code ' || code || ' has no label']
    END AS fault
  FROM stage
) judged
WHERE fault IS NOT NULL;
