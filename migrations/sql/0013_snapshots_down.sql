-- The record of the files; the files themselves stay where they are.
DROP FUNCTION extraction_lines();
DROP FUNCTION extraction_cell(text);
DROP TRIGGER withdraw_snapshots ON change;
DROP FUNCTION withdraw_snapshots();
DROP TRIGGER withdraw_snapshots_of_forgotten ON withdrawn;
DROP FUNCTION withdraw_snapshots_of_forgotten();
DROP FUNCTION withdraw_snapshots_before(bigint);
ALTER TABLE directory DROP COLUMN hidden_at;
DROP TABLE snapshot;
