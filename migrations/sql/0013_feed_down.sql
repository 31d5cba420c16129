-- One table again, with all that is kept of the log.
DROP FUNCTION watch_epoch(), begin_epoch(text, text, text), history_witness();
ALTER TABLE directory DROP COLUMN witness;
CREATE TABLE change_whole (LIKE change INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE);
INSERT INTO change_whole SELECT * FROM change ORDER BY sequence;
DROP TABLE change;
ALTER TABLE change_whole RENAME TO change;
ALTER TABLE change ADD CONSTRAINT pk_change PRIMARY KEY (sequence);
