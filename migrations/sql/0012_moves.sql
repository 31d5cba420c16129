-- Transfers between operators, what operators are told, and what the worker does by the clock.

CREATE TABLE transfer (
  id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_transfer PRIMARY KEY,
  scope text COLLATE "C" NOT NULL CONSTRAINT ck_transfer_scope CHECK (scope IN ('mailbox', 'domain')),
  key text COLLATE "C" NOT NULL,
  new_address text COLLATE "C",
  from_operator text COLLATE "C" NOT NULL CONSTRAINT fk_transfer_from_operator_operator REFERENCES operator (id),
  to_operator text COLLATE "C" NOT NULL CONSTRAINT fk_transfer_to_operator_operator REFERENCES operator (id),
  effective_at timestamptz NOT NULL,
  state text COLLATE "C" NOT NULL DEFAULT 'proposed' CONSTRAINT ck_transfer_state
    CHECK (state IN ('proposed', 'agreed', 'done', 'refused', 'withdrawn', 'lapsed', 'failed')),
  proposed_by text COLLATE "C" NOT NULL,
  proposed_at timestamptz NOT NULL DEFAULT now(),
  decided_at timestamptz,
  done_at timestamptz,
  detail text,
  CONSTRAINT ck_transfer_operators CHECK (from_operator <> to_operator),
  CONSTRAINT ck_transfer_proposed_by CHECK (proposed_by IN (from_operator, to_operator)),
  CONSTRAINT ck_transfer_new_address CHECK (new_address IS NULL OR (scope = 'mailbox' AND new_address <> key))
);
-- Two operators have one open transfer of one thing; nothing is promised twice, and no new address to two. Proposals by others
-- do not count: whoever proposes must not learn from a conflict what is hidden. The clock asks for what is open, by its hour.
CREATE UNIQUE INDEX uq_transfer_open ON transfer (scope, key, from_operator, to_operator) WHERE state IN ('proposed', 'agreed');
CREATE UNIQUE INDEX uq_transfer_agreed ON transfer (scope, key) WHERE state = 'agreed';
CREATE UNIQUE INDEX uq_transfer_new_address ON transfer (new_address) WHERE state = 'agreed';
CREATE INDEX ix_transfer_effective_at ON transfer (effective_at) WHERE state IN ('proposed', 'agreed');
CREATE INDEX ix_transfer_from_operator_id ON transfer (from_operator, id);
CREATE INDEX ix_transfer_to_operator_id ON transfer (to_operator, id);

-- What a white list may not undo: while a list still names the giver of a transferred domain, it is read as naming the receiver.
CREATE TABLE domain_move (
  name text COLLATE "C",
  from_operator text COLLATE "C" CONSTRAINT fk_domain_move_from_operator_operator REFERENCES operator (id),
  to_operator text COLLATE "C" NOT NULL CONSTRAINT fk_domain_move_to_operator_operator REFERENCES operator (id),
  created_run integer,
  changed_run integer,
  CONSTRAINT pk_domain_move PRIMARY KEY (name, from_operator)
);

CREATE VIEW moved_domain AS
SELECT DISTINCT d.name, d.certificate, v.to_operator
FROM domain_move v
JOIN operator_certificate c ON c.operator = v.to_operator
JOIN domain d ON d.name = v.name AND d.certificate = c.dn
WHERE d.source = 'admin';
COMMENT ON VIEW moved_domain IS 'Pairs that stand only because the domain was transferred here, and that no imported white list has confirmed yet.';

CREATE TABLE notice (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_notice PRIMARY KEY,
  operator text COLLATE "C" NOT NULL CONSTRAINT fk_notice_operator_operator REFERENCES operator (id) ON DELETE CASCADE,
  code text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  detail text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  number bigint
);
CREATE UNIQUE INDEX uq_notice_operator_number ON notice (operator, number);
CREATE INDEX ix_notice_unnumbered ON notice (operator) WHERE number IS NULL;

CREATE FUNCTION number_notices(asked_operator text) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN
  -- 12 is the number of the numbering of notices among annuaire's advisory locks. It is taken by readers, never by whoever tells.
  PERFORM pg_advisory_xact_lock(12);
  UPDATE notice n SET number = f.number
  FROM (SELECT u.id, coalesce((SELECT max(x.number) FROM notice x WHERE x.operator = asked_operator), 0) + row_number() OVER (ORDER BY u.id) AS number
        FROM notice u WHERE u.operator = asked_operator AND u.number IS NULL) f
  WHERE n.id = f.id;
END $$;
COMMENT ON FUNCTION number_notices IS
  'Numbers the notices to an operator after they were committed: an id is given before, so a reader that goes on from one could miss a lower id that is committed later.';

CREATE TABLE duty (
  name text COLLATE "C" CONSTRAINT pk_duty PRIMARY KEY,
  done_at timestamptz,
  failed_at timestamptz,
  failure text
);

CREATE FUNCTION transfer_document(t transfer) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT '{"decided_at":' || json_text(utc_text(t.decided_at)) || ',"detail":' || json_text(t.detail) || ',"done_at":' || json_text(utc_text(t.done_at))
    || ',"effective_at":' || json_text(utc_text(t.effective_at)) || ',"from":' || json_text(t.from_operator) || ',"id":' || t.id
    || ',"key":' || json_text(t.key) || ',"new_address":' || json_text(t.new_address) || ',"proposed_at":' || json_text(utc_text(t.proposed_at))
    || ',"proposed_by":' || json_text(t.proposed_by) || ',"scope":' || json_text(t.scope) || ',"state":' || json_text(t.state)
    || ',"to":' || json_text(t.to_operator) || '}'
$$;
COMMENT ON FUNCTION transfer_document IS 'A transfer as it is served and hashed: canonical JSON (RFC 8785).';

CREATE FUNCTION tell_transfer(t transfer, told text[]) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO notice (operator, code, kind, key, detail)
  SELECT o.id, 'transfer.' || t.state, 'transfer', t.id::text, transfer_document(t) FROM unnest(told) WITH ORDINALITY AS o (id, position) ORDER BY o.position
$$;
COMMENT ON FUNCTION tell_transfer IS 'Tells operators that a transfer is now in its state.';

CREATE FUNCTION transfer_fault(t transfer, asker text, by_certificate text) RETURNS TABLE (code text, detail text)
LANGUAGE sql STABLE AS $$
  SELECT f.code, f.detail FROM (
    -- As for a write: what is the asker's by another of its certificates is not for this one to give, nor to take into.
    SELECT -1 AS position, 'domain.not_yours' AS code, a.domain || ' is listed for another certificate of ' || asker AS detail
    FROM (SELECT CASE WHEN asker = t.from_operator THEN split_part(t.key, '@', CASE t.scope WHEN 'mailbox' THEN 2 ELSE 1 END)
                      WHEN t.scope = 'mailbox' THEN split_part(coalesce(t.new_address, t.key), '@', 2) END AS domain) a
    WHERE by_certificate IS NOT NULL
      AND (SELECT bool_and(d.certificate <> by_certificate) FROM domain_owner d WHERE d.name = a.domain AND d.operator = asker)
    UNION ALL
    SELECT 0, 'transfer.not_givers', 'there is no operator ' || t.from_operator
    WHERE NOT EXISTS (SELECT FROM operator o WHERE o.id = t.from_operator)
    UNION ALL
    SELECT 1, 'transfer.not_givers', CASE t.scope
      WHEN 'mailbox' THEN t.key || ' is no mailbox that ' || t.from_operator || ' wrote and has not withdrawn'
      ELSE t.key || ' is not listed for ' || t.from_operator END
    WHERE CASE t.scope
      WHEN 'domain' THEN (SELECT true FROM domain_owner d WHERE d.name = t.key AND d.operator = t.from_operator LIMIT 1)
      -- It may be hidden: the receiver learns nothing of it before the giver agreed.
      ELSE asker = t.to_operator
        OR (SELECT true FROM mailbox m WHERE m.address = t.key AND m.operator = t.from_operator AND m.state <> 'withdrawn') END IS NOT TRUE
    UNION ALL
    SELECT 2, 'transfer.receiver', CASE WHEN asker = t.to_operator THEN p.detail ELSE 'operator ' || t.to_operator || ' may not publish now' END
    FROM publishing_fault(t.to_operator) p
    UNION ALL
    SELECT 3, 'transfer.receiver', CASE t.scope
      WHEN 'mailbox' THEN split_part(coalesce(t.new_address, t.key), '@', 2) || ' is not listed for ' || t.to_operator
      ELSE t.to_operator || ' has no certificate for which a domain could be listed' END
    WHERE CASE t.scope
      WHEN 'mailbox' THEN (SELECT true FROM domain_owner d
                           WHERE d.name = split_part(coalesce(t.new_address, t.key), '@', 2) AND d.operator = t.to_operator LIMIT 1)
      ELSE (SELECT true FROM operator_certificate c WHERE c.operator = t.to_operator LIMIT 1) END IS NOT TRUE
    UNION ALL
    SELECT 4, 'transfer.address_taken', t.new_address || ' is, or was, the address of another mailbox'
    FROM mailbox m WHERE m.address = t.new_address AND asker IS DISTINCT FROM t.from_operator
    UNION ALL
    SELECT 5, 'transfer.open', t.key || ' is promised to another operator by a transfer that both agreed to'
    FROM transfer x WHERE (x.scope, x.key) = (t.scope, t.key) AND x.state = 'agreed' AND x.id IS DISTINCT FROM t.id AND asker = t.from_operator
  ) f ORDER BY f.position LIMIT 1
$$;
COMMENT ON FUNCTION transfer_fault IS
  'Why a transfer cannot take effect as things are, with a stable code and in a sentence, as far as the asker may know; asker null: at its hour. No row: it can.';

CREATE FUNCTION propose_transfer(
  asked transfer, by_certificate text, OUT fault text, OUT reason text, OUT document text, OUT before bytea, OUT after bytea)
LANGUAGE plpgsql AS $$
DECLARE
  made transfer;
BEGIN
  IF asked.effective_at <= clock_timestamp() THEN
    fault := 'transfer.closed'; reason := 'its hour is over: the other side could not agree any more';
    RETURN;
  END IF;
  SELECT f.code, f.detail INTO fault, reason FROM transfer_fault(asked, asked.proposed_by, by_certificate) f;
  IF fault IS NOT NULL THEN
    RETURN;
  END IF;
  INSERT INTO transfer (scope, key, new_address, from_operator, to_operator, effective_at, proposed_by)
  VALUES (asked.scope, asked.key, asked.new_address, asked.from_operator, asked.to_operator, asked.effective_at, asked.proposed_by)
  ON CONFLICT DO NOTHING RETURNING * INTO made;
  IF made.id IS NULL THEN
    fault := 'transfer.open';
    reason := 'transfer ' || (SELECT t.id FROM transfer t
      WHERE (t.scope, t.key, t.from_operator, t.to_operator) = (asked.scope, asked.key, asked.from_operator, asked.to_operator)
        AND t.state IN ('proposed', 'agreed')) || ' of ' || asked.key || ' is open: agree to it, or end it first';
    RETURN;
  END IF;
  PERFORM tell_transfer(made, array_remove(ARRAY[made.from_operator, made.to_operator], made.proposed_by));
  PERFORM pg_notify('annuaire_transfer', '');
  document := transfer_document(made);
  after := sha256(convert_to(document, 'UTF8'));
END $$;
COMMENT ON FUNCTION propose_transfer IS 'Writes a proposal down, tells the other side, and gives it back; or says why not.';

CREATE FUNCTION decide_transfer(
  asked integer, by_operator text, by_certificate text, verb text, given_address text,
  OUT fault text, OUT reason text, OUT document text, OUT before bytea, OUT after bytea)
LANGUAGE plpgsql AS $$
DECLARE
  held transfer;
  wanted CONSTANT text := CASE verb WHEN 'agree' THEN 'agreed' WHEN 'refuse' THEN 'refused' WHEN 'withdraw' THEN 'withdrawn' END;
BEGIN
  SELECT t.* INTO held FROM transfer t WHERE t.id = asked FOR UPDATE;
  IF held.id IS NULL OR by_operator NOT IN (held.from_operator, held.to_operator) THEN
    fault := 'transfer.unknown'; reason := 'there is no transfer ' || asked || ' of ' || by_operator;
    RETURN;
  END IF;
  before := sha256(convert_to(transfer_document(held), 'UTF8'));
  IF (verb = 'withdraw') <> (by_operator = held.proposed_by) THEN
    fault := 'transfer.other_side';
    reason := CASE verb WHEN 'withdraw' THEN 'who proposed it takes it back: refuse it' ELSE 'it is for the other side to ' || verb || ': withdraw it' END;
  ELSIF held.state <> wanted AND (held.state NOT IN ('proposed', 'agreed') OR held.effective_at <= clock_timestamp()) THEN
    fault := 'transfer.closed';
    reason := CASE WHEN held.state IN ('proposed', 'agreed') THEN 'its hour is over' ELSE 'it is ' || held.state END;
  ELSIF given_address IS NOT NULL AND (held.scope, by_operator) <> ('mailbox', held.to_operator) OR given_address = held.key THEN
    fault := 'transfer.new_address'; reason := 'only the receiver of a mailbox gives it a new address, and another one';
  ELSIF held.state <> wanted AND verb = 'agree' THEN
    held.new_address := coalesce(given_address, held.new_address);
    SELECT f.code, f.detail INTO fault, reason FROM transfer_fault(held, by_operator, by_certificate) f;
  END IF;
  -- Asked again, it is as it is: a retry changes nothing.
  IF fault IS NULL AND held.state <> wanted THEN
    UPDATE transfer t SET state = wanted, decided_at = now(), new_address = held.new_address WHERE t.id = asked RETURNING t.* INTO held;
    PERFORM tell_transfer(held, array_remove(ARRAY[held.from_operator, held.to_operator], by_operator));
    PERFORM pg_notify('annuaire_transfer', '');
  END IF;
  document := transfer_document(held);
  after := sha256(convert_to(document, 'UTF8'));
EXCEPTION WHEN unique_violation THEN
  fault := 'transfer.open'; reason := 'the mailbox, the domain or the new address is promised by another transfer';
END $$;
COMMENT ON FUNCTION decide_transfer IS
  'One side agrees, refuses or withdraws, until the hour of the transfer; the other is told. An agreement binds nobody before that hour.';

CREATE FUNCTION move_mailbox(t transfer) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN
  IF t.new_address IS NULL THEN
    UPDATE mailbox m SET operator = t.to_operator, changed_run = NULL, updated_at = now() WHERE m.address = t.key;
    PERFORM publish(ARRAY['mailbox'], ARRAY[t.key]);
    RETURN;
  END IF;
  INSERT INTO mailbox (address, domain, type, service, description, rank, dematerialization, unlisted, responsible, phone, state, operator, source)
  SELECT t.new_address, split_part(t.new_address, '@', 2), m.type, m.service, m.description, m.rank, m.dematerialization, m.unlisted, m.responsible,
    m.phone, m.state, t.to_operator, 'api'
  FROM mailbox m WHERE m.address = t.key;
  INSERT INTO mailbox_attachment (address, practitioner, organization, title, family, given, category, profession, skill, organization_name, trade_name,
    recipient, building, number, repetition, street_type, street, distribution, line6, postal_code, city, department, country)
  SELECT t.new_address, a.practitioner, a.organization, a.title, a.family, a.given, a.category, a.profession, a.skill, a.organization_name, a.trade_name,
    a.recipient, a.building, a.number, a.repetition, a.street_type, a.street, a.distribution, a.line6, a.postal_code, a.city, a.department, a.country
  FROM mailbox_attachment a WHERE a.address = t.key ORDER BY a.id;
  UPDATE mailbox m SET state = 'withdrawn', successor = t.new_address, changed_run = NULL, updated_at = now() WHERE m.address = t.key;
  PERFORM publish(ARRAY['mailbox', 'mailbox'], ARRAY[t.key, t.new_address]);
END $$;
COMMENT ON FUNCTION move_mailbox IS 'A mailbox changes its operator, and with a new address its name: then the old one is withdrawn and leads to it.';

CREATE FUNCTION move_domain(t transfer, wide integer) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN
  -- The list does not name the receiver yet: until it does, the pairs are an administrator's, as it were.
  INSERT INTO domain (name, certificate, source, description, responsible_contact, support_contact, source_updated)
  SELECT d.name, c.dn, 'admin', d.description, d.responsible_contact, d.support_contact, d.source_updated
  FROM (SELECT x.* FROM domain x JOIN operator_certificate k ON k.dn = x.certificate WHERE x.name = t.key AND k.operator = t.from_operator
        ORDER BY x.source_updated DESC NULLS LAST, x.certificate LIMIT 1) d
  CROSS JOIN operator_certificate c WHERE c.operator = t.to_operator
  ON CONFLICT DO NOTHING;
  DELETE FROM domain d USING operator_certificate c WHERE d.name = t.key AND c.dn = d.certificate AND c.operator = t.from_operator;
  UPDATE domain_move v SET to_operator = t.to_operator, changed_run = NULL WHERE v.name = t.key AND v.to_operator = t.from_operator;
  INSERT INTO domain_move AS v (name, from_operator, to_operator) VALUES (t.key, t.from_operator, t.to_operator)
  ON CONFLICT (name, from_operator) DO UPDATE SET to_operator = excluded.to_operator, changed_run = NULL;
  DELETE FROM domain_move v WHERE v.name = t.key AND v.from_operator = v.to_operator;
  UPDATE mailbox m SET operator = t.to_operator, changed_run = NULL, updated_at = now() WHERE m.domain = t.key AND m.operator = t.from_operator;
  IF (SELECT count(*) FROM (SELECT FROM mailbox m WHERE m.domain = t.key LIMIT wide + 1) few) <= wide THEN
    PERFORM publish(ARRAY['domain'], ARRAY[t.key]);
  ELSE
    -- Nothing is taken out of sight: the drain may follow. publish() would note the same marks while all other writers wait.
    INSERT INTO pending (kind, key) SELECT 'mailbox', m.address FROM mailbox m WHERE m.domain = t.key AND m.state <> 'withdrawn' ORDER BY m.address;
  END IF;
END $$;
COMMENT ON FUNCTION move_domain IS
  'A domain goes to every certificate of the receiver, with the mailboxes that the giver wrote in it; withdrawn ones too, whose addresses stay in quarantine.';

CREATE FUNCTION settle_transfer(asked integer, wide integer) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  held transfer;
  before bytea;
  became text;
BEGIN
  SELECT t.* INTO held FROM transfer t
  WHERE t.id = asked AND t.state IN ('proposed', 'agreed') AND t.effective_at <= clock_timestamp() FOR UPDATE SKIP LOCKED;
  IF held.id IS NULL THEN
    RETURN NULL;
  END IF;
  before := sha256(convert_to(transfer_document(held), 'UTF8'));
  IF held.state = 'agreed' THEN
    -- In the order of a mailbox's writers: operator, domains, mailboxes; publish() takes its lock after them.
    PERFORM FROM operator o WHERE o.id IN (held.from_operator, held.to_operator) ORDER BY o.id FOR SHARE;
    PERFORM FROM domain d WHERE d.name IN (held.key, split_part(held.key, '@', 2), split_part(held.new_address, '@', 2)) ORDER BY d.name, d.certificate FOR UPDATE;
    PERFORM FROM mailbox m WHERE m.address IN (held.key, held.new_address) ORDER BY m.address FOR UPDATE;
    held.detail := (SELECT f.detail FROM transfer_fault(held, NULL, NULL) f);
    IF held.detail IS NULL AND held.scope = 'mailbox' THEN
      PERFORM move_mailbox(held);
    ELSIF held.detail IS NULL THEN
      PERFORM move_domain(held, wide);
    END IF;
  END IF;
  became := CASE WHEN held.state = 'proposed' THEN 'lapsed' WHEN held.detail IS NULL THEN 'done' ELSE 'failed' END;
  PERFORM end_transfer(held, became, held.detail, before);
  RETURN became;
END $$;
COMMENT ON FUNCTION settle_transfer IS
  'A transfer whose hour has come: done, if both sides agreed and it is still possible, in this transaction and on every channel. Null: it is not due, or another worker does it.';

CREATE FUNCTION end_transfer(held transfer, became text, why text, before bytea) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  ended transfer;
BEGIN
  UPDATE transfer t SET state = became, done_at = clock_timestamp(), detail = why WHERE t.id = held.id RETURNING t.* INTO ended;
  PERFORM tell_transfer(ended, ARRAY[ended.from_operator, ended.to_operator]);
  PERFORM audit_append('worker', 'worker', ended.proposed_by, 'transfer.' || became, 'transfer', ended.id::text, before,
    sha256(convert_to(transfer_document(ended), 'UTF8')),
    ended.scope || ' ' || ended.key || coalesce(' to ' || ended.new_address, '') || ' from ' || ended.from_operator || ' to ' || ended.to_operator
      || coalesce(': ' || why, ''), NULL);
END $$;
COMMENT ON FUNCTION end_transfer IS 'Closes a transfer, tells both sides, and writes it into the audit trail: last before the commit.';
