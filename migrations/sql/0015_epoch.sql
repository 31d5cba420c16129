-- Another history begins before the first write of a restored or promoted directory, whoever writes it: a program that was
-- started since, one that ran all the time and found its server again, or somebody at a prompt.

-- Every write takes a number (a change that is published) or a row of the audit trail (all others), so these two are the places.
CREATE FUNCTION number_in_place() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  present text := history_witness();
BEGIN
  -- null: this is the first number, or nobody has looked yet.
  IF NEW.witness <> present THEN
    NEW.epoch := gen_random_uuid()::text;
  END IF;
  NEW.witness := present;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION number_in_place IS 'No number is given out in a history that is written elsewhere: it is the first of another one.';
CREATE TRIGGER number_in_place BEFORE UPDATE OF edition ON directory FOR EACH ROW EXECUTE FUNCTION number_in_place();

-- When the row stands: the trail asks again where it is written.
CREATE FUNCTION tell_epoch() RETURNS trigger
LANGUAGE plpgsql AS $$ BEGIN
  PERFORM audit_append('database', 'database', NULL, 'history.begun', 'history', OLD.epoch, NULL, NULL,
    restored_elsewhere(OLD.witness, NEW.witness), NULL);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION tell_epoch IS 'The audit trail says which history ended, before the act that found it out.';
CREATE TRIGGER tell_epoch AFTER UPDATE OF edition ON directory FOR EACH ROW
  WHEN (NEW.epoch <> OLD.epoch) EXECUTE FUNCTION tell_epoch();

CREATE FUNCTION restored_elsewhere(found text, present text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT 'restored: written by ' || found || ', now by ' || present $$;
COMMENT ON FUNCTION restored_elsewhere IS 'Why a history ended that nobody said to be over.';

CREATE OR REPLACE FUNCTION watch_epoch() RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  present text := history_witness();
  found text := (SELECT d.witness FROM directory d);
BEGIN
  IF found = present THEN
    RETURN NULL;
  END IF;
  -- Of two that see it at once, the second must find the history that the first began.
  PERFORM pg_advisory_xact_lock(4);
  found := (SELECT d.witness FROM directory d);
  IF found IS NULL THEN
    UPDATE directory SET witness = present;
  ELSIF found <> present THEN
    RETURN begin_epoch('database', 'database', restored_elsewhere(found, present));
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION audit_append_all(
  actor text, credential text, operator text, object_kind text, actions text[], object_keys text[], befores bytea[], afters bytea[],
  details text[], request_id text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  head audit_head;
  instant timestamptz;
BEGIN
  -- Before the lock of the trail: another history begins under that of the publication, which comes first.
  PERFORM watch_epoch();
  -- 10 is the number of the audit trail among annuaire's advisory locks. The head is read by a statement of its own, so
  -- after the lock was granted it shows what the last writer committed; times then stand in the order of the chain.
  PERFORM pg_advisory_xact_lock(10);
  SELECT h.* INTO STRICT head FROM audit_head h;
  FOR i IN 1 .. cardinality(actions) LOOP
    instant := clock_timestamp();
    head.sequence := head.sequence + 1;
    INSERT INTO audit (sequence, at, actor, credential, operator, action, object_kind, object_key, before, after, detail,
      request_id, previous, hash)
    VALUES (head.sequence, instant, actor, credential, operator, actions[i], object_kind, object_keys[i], befores[i], afters[i],
      details[i], request_id, head.hash, audit_hash(head.hash, head.sequence, instant, actor, credential, operator, actions[i],
        object_kind, object_keys[i], befores[i], afters[i], details[i], request_id))
    RETURNING audit.hash INTO head.hash;
  END LOOP;
  UPDATE audit_head h SET sequence = head.sequence, hash = head.hash, count = h.count + cardinality(actions);
  RETURN head.sequence;
END $$;

-- A directory that has given out numbers is written here. One that has not is no history yet: a template stays one.
UPDATE directory SET witness = history_witness() WHERE witness IS NULL AND edition > 0;
