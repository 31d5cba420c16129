-- A registry row remembers which run wrote it last, as long as nobody else writes it.

CREATE FUNCTION forget_run() RETURNS trigger
LANGUAGE plpgsql AS $$ BEGIN
  NEW.changed_run := NULL;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION forget_run IS 'A writer that names no run of its own takes the row out of the run that wrote it: an undo leaves it alone.';

CREATE FUNCTION spread_registry_mark() RETURNS boolean
LANGUAGE plpgsql AS $$ BEGIN
  IF NOT EXISTS (SELECT FROM pending WHERE kind = 'registry') THEN
    RETURN false;
  END IF;
  DELETE FROM pending WHERE kind = 'registry';
  INSERT INTO pending (kind, key)
  SELECT 'organization', key FROM organization
  UNION ALL SELECT 'practitioner', national_id FROM practitioner
  UNION ALL SELECT 'mailbox', address FROM mailbox;
  RETURN true;
END $$;
COMMENT ON FUNCTION spread_registry_mark IS 'Replaces the mark for the whole registry by one for every resource. Returns whether there was one.';
