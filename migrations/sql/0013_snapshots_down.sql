-- The record of the files; the files themselves stay where they are.
DROP VIEW extraction_line;
DROP FUNCTION extraction_cell(text);
DROP TRIGGER withdraw_snapshots ON change;
DROP FUNCTION withdraw_snapshots();
ALTER TABLE directory DROP COLUMN hidden_at;
DROP TABLE snapshot;
