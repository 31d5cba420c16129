-- One table again, with all that is kept of the log.
DROP FUNCTION watch_epoch(), begin_epoch(text, text, text), history_witness();
ALTER TABLE directory DROP COLUMN witness;
CREATE TABLE change_whole (LIKE change INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE);
INSERT INTO change_whole SELECT * FROM change ORDER BY sequence;
DO $$
DECLARE
  held record;
BEGIN
  FOR held IN
    SELECT a.privilege_type, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS role, a.is_grantable
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE c.oid = 'change'::regclass AND a.grantee <> c.relowner
  LOOP
    EXECUTE format('GRANT %s ON change_whole TO %s %s', held.privilege_type, held.role, CASE WHEN held.is_grantable THEN 'WITH GRANT OPTION' END);
  END LOOP;
END $$;
DROP TABLE change;
ALTER TABLE change_whole RENAME TO change;
ALTER TABLE change ADD CONSTRAINT pk_change PRIMARY KEY (sequence);
