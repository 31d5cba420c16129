-- The log of changes in ranges of numbers, so that what is too old is dropped whole; and the proof that a history is unbroken.

-- Publishing writes into the last range, `change_head`, which has no end: a log that nobody looks after grows, and never refuses.
-- The worker closes it once a day (app.publication.log). What was there becomes the first head.
ALTER TABLE change RENAME TO change_head;
ALTER TABLE change_head RENAME CONSTRAINT pk_change TO change_head_pkey;
CREATE TABLE change (
  sequence bigint NOT NULL,
  kind text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  operation text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ck_change_operation CHECK (operation IN ('put', 'delete')),
  CONSTRAINT pk_change PRIMARY KEY (sequence)
) PARTITION BY RANGE (sequence);
ALTER TABLE change ATTACH PARTITION change_head FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
-- What was granted on the table is granted on the log.
DO $$
DECLARE
  held record;
BEGIN
  FOR held IN
    SELECT a.privilege_type, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS role, a.is_grantable
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE c.oid = 'change_head'::regclass AND a.grantee <> c.relowner
  LOOP
    EXECUTE format('GRANT %s ON change TO %s %s', held.privilege_type, held.role, CASE WHEN held.is_grantable THEN 'WITH GRANT OPTION' END);
  END LOOP;
END $$;

-- A directory that was restored stands on another timeline (from the archive), in another database (from a dump) or in another
-- cluster. null: nobody has looked yet.
ALTER TABLE directory ADD COLUMN witness text;

CREATE FUNCTION history_witness() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT concat_ws('/', (SELECT c.system_identifier FROM pg_control_system() c), left(pg_walfile_name(pg_current_wal_lsn()), 8),
    (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
$$;
COMMENT ON FUNCTION history_witness IS 'Where this history is written: cluster, timeline, database. Each differs once a backup was restored.';

CREATE FUNCTION begin_epoch(actor text, credential text, why text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  ended text;
  begun directory;
BEGIN
  PERFORM pg_advisory_xact_lock(4);
  SELECT d.epoch INTO ended FROM directory d;
  UPDATE directory SET epoch = gen_random_uuid()::text, witness = history_witness() RETURNING * INTO begun;
  -- Whoever waits for the next change learns at once that there is none in the history that it follows.
  PERFORM pg_notify('annuaire_change', begun.edition::text);
  PERFORM audit_append(actor, credential, NULL, 'history.begun', 'history', ended, NULL, NULL, why, NULL);
  RETURN begun.epoch;
END $$;
COMMENT ON FUNCTION begin_epoch IS 'Begin another history: every cursor of the present one expires, every copy is made anew.';

CREATE FUNCTION watch_epoch() RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  found text := (SELECT d.witness FROM directory d);
  present text := history_witness();
BEGIN
  IF found IS NULL THEN
    UPDATE directory SET witness = present;
  ELSIF found <> present THEN
    RETURN begin_epoch('worker', 'worker', 'restored: written by ' || found || ', now by ' || present);
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION watch_epoch IS 'Begin another history if this one was restored elsewhere. Returns the new epoch, or null.';
