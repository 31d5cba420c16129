-- Who did what: an append-only chain, each row bound to the one before by its hash. Beside it, who was shown what.

CREATE TABLE audit (
  sequence bigint CONSTRAINT pk_audit PRIMARY KEY,
  at timestamptz NOT NULL,
  actor text COLLATE "C" NOT NULL,
  credential text COLLATE "C" NOT NULL,
  operator text COLLATE "C",
  action text COLLATE "C" NOT NULL,
  object_kind text COLLATE "C" NOT NULL,
  object_key text COLLATE "C" NOT NULL,
  before bytea,
  after bytea,
  detail text NOT NULL,
  request_id text COLLATE "C",
  previous bytea NOT NULL,
  hash bytea NOT NULL
);

CREATE INDEX ix_audit_object_key_sequence ON audit (object_key, sequence);
CREATE INDEX ix_audit_operator_sequence ON audit (operator, sequence);

-- Where the chain ends: without it nobody would see that rows at the end are gone.
CREATE TABLE audit_head (
  singleton boolean DEFAULT true CONSTRAINT pk_audit_head PRIMARY KEY CONSTRAINT ck_audit_head_singleton CHECK (singleton),
  sequence bigint NOT NULL,
  hash bytea NOT NULL,
  count bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO audit_head (sequence, hash, count) VALUES (0, decode(repeat('00', 32), 'hex'), 0);

CREATE FUNCTION audit_hash(
  previous bytea, sequence bigint, at timestamptz, actor text, credential text, operator text, action text, object_kind text,
  object_key text, before bytea, after bytea, detail text, request_id text)
RETURNS bytea LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$ BEGIN
  RETURN sha256(convert_to(
    '{"action":' || json_text(action) || ',"actor":' || json_text(actor) || ',"after":' || json_text(encode(after, 'hex'))
    || ',"at":' || json_text(utc_text(at)) || ',"before":' || json_text(encode(before, 'hex'))
    || ',"credential":' || json_text(credential) || ',"detail":' || json_text(detail)
    || ',"object_key":' || json_text(object_key) || ',"object_kind":' || json_text(object_kind)
    || ',"operator":' || json_text(operator) || ',"request_id":' || json_text(request_id)
    || ',"sequence":' || sequence || '}', 'UTF8') || previous);
END $$;
COMMENT ON FUNCTION audit_hash IS 'SHA-256 of an act as canonical JSON (RFC 8785), without previous and hash, followed by the hash of the act before it.';

-- SECURITY DEFINER with a fixed search_path: a role that may write nothing here can still add to the chain, and only at its end.
-- All acts of a transaction in one call: each leaves a dead version of the head, which the next one must pass, so that ten
-- thousand calls would cost the square of that.
CREATE FUNCTION audit_append_all(
  actor text, credential text, operator text, object_kind text, actions text[], object_keys text[], befores bytea[], afters bytea[],
  details text[], request_id text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  head audit_head;
  instant timestamptz;
BEGIN
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
COMMENT ON FUNCTION audit_append_all IS 'Adds acts of one caller on objects of one kind to the chain, in this order, and gives the number of the last: the last statement before the commit, after publish().';
REVOKE ALL ON FUNCTION audit_append_all FROM PUBLIC;

CREATE FUNCTION audit_append(
  actor text, credential text, operator text, action text, object_kind text, object_key text, before bytea, after bytea,
  detail text, request_id text)
RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT audit_append_all(actor, credential, operator, object_kind, ARRAY[action], ARRAY[object_key], ARRAY[before], ARRAY[after],
    ARRAY[detail], request_id)
$$;
COMMENT ON FUNCTION audit_append IS 'audit_append_all() for one act.';
REVOKE ALL ON FUNCTION audit_append FROM PUBLIC;

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'the audit trail is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
  FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_head_stays BEFORE DELETE OR TRUNCATE ON audit_head
  FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
-- Also where session_replication_role switches ordinary triggers off.
ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_is_append_only;
ALTER TABLE audit_head ENABLE ALWAYS TRIGGER audit_head_stays;

CREATE TABLE consultation (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_consultation PRIMARY KEY,
  at timestamptz NOT NULL,
  caller text COLLATE "C" NOT NULL,
  route text COLLATE "C" NOT NULL,
  status smallint NOT NULL,
  shown integer NOT NULL,
  request_id text COLLATE "C" NOT NULL
);
CREATE INDEX ix_consultation_caller_id ON consultation (caller, id);
