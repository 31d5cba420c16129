-- What operators' writes need beside the mailbox itself: the owner's view, who wins where files and operators both write, and
-- answers that a retry gets again.

ALTER TABLE mailbox
  ADD COLUMN withdrawn_at timestamptz,
  ADD COLUMN phone text;

-- The list of an operator's own mailboxes goes on from an address: in those it wrote, and in its domains.
DROP INDEX ix_mailbox_domain;
CREATE INDEX ix_mailbox_domain_address ON mailbox (domain, address);
DROP INDEX ix_mailbox_operator;
CREATE INDEX ix_mailbox_operator_address ON mailbox (operator, address) WHERE operator IS NOT NULL;

CREATE TABLE idempotency_key (
  operator text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  request bytea NOT NULL,
  status integer NOT NULL,
  headers text NOT NULL,
  body bytea NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pk_idempotency_key PRIMARY KEY (operator, key)
);
CREATE INDEX ix_idempotency_key_recorded_at ON idempotency_key (recorded_at);

CREATE FUNCTION date_withdrawal() RETURNS trigger
LANGUAGE plpgsql AS $$ BEGIN
  -- An undo puts a date back: a given one stays.
  NEW.withdrawn_at := CASE WHEN NEW.state = 'withdrawn' THEN coalesce(NEW.withdrawn_at, now()) END;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION date_withdrawal IS 'Dates a withdrawal, whoever withdraws: the quarantine of the address counts from there.';
CREATE TRIGGER date_withdrawal BEFORE UPDATE ON mailbox FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION date_withdrawal();

CREATE FUNCTION keep_for_operator() RETURNS trigger
LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'mailbox % was written by its operator: no file changes or closes it', OLD.address
    USING ERRCODE = 'check_violation', CONSTRAINT = 'keep_for_operator';
END $$;
COMMENT ON FUNCTION keep_for_operator IS 'What operators write stays theirs: a run of an import that would write it fails whole.';
CREATE TRIGGER keep_for_operator BEFORE UPDATE ON mailbox FOR EACH ROW
  WHEN (OLD.source = 'api' AND (NEW.source <> 'api' OR (NEW.changed_run IS NOT NULL AND NEW.changed_run IS DISTINCT FROM OLD.changed_run)))
  EXECUTE FUNCTION keep_for_operator();

CREATE VIEW stated_attachment AS
SELECT a.id, a.address, a.practitioner, a.organization, a.title, a.family, a.given, a.category, a.profession, a.skill, a.organization_name,
  a.trade_name, a.recipient, a.building, a.number, a.repetition, a.street_type, a.street, a.distribution, a.line6, a.postal_code, a.city,
  a.department, a.country, m.type, m.domain, m.service, m.description, m.rank, m.dematerialization, m.operator
FROM mailbox_attachment a
CROSS JOIN LATERAL (SELECT * FROM mailbox x WHERE x.address = a.address LIMIT 1) m
WHERE m.state <> 'withdrawn';
COMMENT ON VIEW stated_attachment IS 'visible_attachment without its rule: holders of hidden mailboxes too. For the owner''s view alone.';

-- The document of a hidden mailbox is made as that of a public one, to the letter: the same view over other holders.
DO $$ BEGIN
  EXECUTE 'CREATE VIEW stated_mailbox AS '
    || replace(pg_get_viewdef('published_mailbox'::regclass), 'visible_attachment', 'stated_attachment');
END $$;
COMMENT ON VIEW stated_mailbox IS 'The document that every mailbox would have if it were visible. For the owner''s view alone.';

CREATE OR REPLACE VIEW own_mailbox AS
SELECT m.address, m.operator, m.unlisted AS liste_rouge, m.responsible, m.state, m.type, m.domain, m.service, m.description, m.rank,
  m.dematerialization, m.phone, m.updated_at
FROM mailbox m;

-- A function, since the first publication is built beside the table and put in its place: no view may hold on to it.
CREATE FUNCTION owners_view(asked text, OUT document text, OUT etag text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  own own_mailbox;
BEGIN
  SELECT o.* INTO own FROM own_mailbox o WHERE o.address = asked AND o.state <> 'withdrawn';
  IF own.address IS NULL THEN
    RETURN;
  END IF;
  SELECT p.document, '"' || p.sequence || '-' || encode(substr(p.fingerprint, 1, 8), 'hex') || '"' INTO document, etag
  FROM publication p WHERE p.kind = 'mailbox' AND p.key = asked;
  IF document IS NULL THEN
    SELECT left(s.body, -1) || ',"published_at":null,"sequence":null,"updated_at":"' || utc_text(own.updated_at) || '"}' INTO document
    FROM stated_mailbox s WHERE s.key = asked;
  END IF;
  document := left(document, -1) || ',"liste_rouge":' || own.liste_rouge || ',"phone":' || json_text(own.phone)
    || ',"responsible":' || json_text(own.responsible) || ',"state":' || json_text(own.state) || '}';
  etag := coalesce(etag, '"0-' || left(encode(sha256(convert_to(document, 'UTF8')), 'hex'), 16) || '"');
END $$;
COMMENT ON FUNCTION owners_view IS
  'A mailbox that is not withdrawn, hidden or not, as its operator and administrators alone see it; nulls where there is none. One that is not published has a tag of its own, which changes with every change of the row.';

-- What writes need to know, and hold until they commit, for one write or a portion of a batch. One call, since each statement
-- costs the API more than PostgreSQL. Locks are taken in one order: operator, domains, persons, mailboxes (each kind by key), then 4
-- and 10; each statement sees what was committed before those above it were granted theirs.
CREATE FUNCTION stand_for_writes(
  writer text, by_certificate text, asked_domains text[], asked_persons text[], asked_structures text[], candidates text[],
  addresses text[], quarantine integer,
  OUT domains text[], OUT faults json, OUT persons json, OUT structures json, OUT mailboxes json)
LANGUAGE plpgsql AS $$ BEGIN
  -- First and alone: what a change of the operator gave or took is then seen by those below.
  PERFORM FROM operator o WHERE o.id = writer FOR SHARE;
  domains := ARRAY(
    SELECT d.name FROM operator o
    JOIN operator_certificate c ON c.operator = o.id
    JOIN domain d ON d.certificate = c.dn
    WHERE o.id = writer AND d.name = ANY (asked_domains) AND (by_certificate IS NULL OR d.certificate = by_certificate)
    ORDER BY d.name, d.certificate FOR SHARE OF o, d);
  faults := (SELECT json_agg(json_build_array(f.code, f.detail)) FROM publishing_fault(writer) f);
  IF asked_persons <> '{}' THEN
    persons := (
      SELECT json_object_agg(held.national_id, held.register_state) FROM (
        SELECT p.national_id, p.register_state FROM practitioner p
        WHERE p.national_id = ANY (asked_persons) ORDER BY p.national_id FOR SHARE) held);
  END IF;
  IF asked_structures <> '{}' THEN
    structures := (
      SELECT json_agg(json_build_array(found.asked, found.key)) FROM (
        SELECT DISTINCT a.asked, k.key
        FROM unnest(asked_structures, candidates) AS a (asked, candidate)
        CROSS JOIN LATERAL (SELECT a.candidate COLLATE "C" AS key
                            UNION SELECT x.key FROM alias x WHERE x.kind = 'organization' AND x.alias = a.candidate) k
        WHERE (SELECT true FROM organization_record r WHERE r.organization = k.key LIMIT 1)
        ORDER BY 1, 2) found);
  END IF;
  -- In the caller's domains alone: in those of others it must neither wait for a hidden mailbox, nor make anybody wait, nor
  -- take longer than where there is none.
  PERFORM FROM mailbox m WHERE m.address = ANY (addresses) AND m.domain = ANY (domains) ORDER BY m.address FOR UPDATE OF m;
  mailboxes := (
    SELECT json_agg(known) FROM (
      SELECT m.address, m.type, m.operator, m.source, m.service, m.description, m.rank, m.dematerialization, m.unlisted, m.responsible,
        m.phone, m.state, m.successor, h.practitioners, h.organizations, o.etag,
        CASE WHEN m.state = 'withdrawn' THEN coalesce(m.withdrawn_at, m.updated_at) END AS withdrawn_at,
        m.state = 'withdrawn' AND coalesce(m.withdrawn_at, m.updated_at) > now() - make_interval(days => quarantine) AS is_quarantined
      FROM mailbox m
      CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(a.practitioner ORDER BY a.practitioner, a.organization), '{}') AS practitioners,
          coalesce(array_agg(a.organization ORDER BY a.practitioner, a.organization), '{}') AS organizations
        FROM mailbox_attachment a WHERE a.address = m.address) h
      CROSS JOIN LATERAL owners_view(m.address) o
      WHERE m.address = ANY (addresses) AND m.domain = ANY (domains)) known);
END $$;
COMMENT ON FUNCTION stand_for_writes IS
  'What is known, and held until the commit, when writes of one operator are judged: app.mailboxes.row.Standing says what each column means.';

-- One function, sent together with its COMMIT: others queue behind its locks, and must not wait for a client that gets ready to
-- send the next statement.
CREATE FUNCTION conclude_writes(writes json, OUT status integer, OUT headers text, OUT body bytea)
LANGUAGE plpgsql AS $$
DECLARE
  actions text[];
  addresses text[];
  befores bytea[];
  afters bytea[];
  details text[];
  document text;
  etag text;
  edition bigint;
BEGIN
  SELECT array_agg(a.action), array_agg(a.address), array_agg(decode(a.before, 'hex')), array_agg(decode(a.after, 'hex')), array_agg(a.detail)
  INTO actions, addresses, befores, afters, details
  FROM json_to_recordset(writes -> 'acts') AS a (action text, address text, before text, after text, detail text);
  IF addresses IS NOT NULL THEN
    PERFORM publish(array_fill('mailbox'::text, ARRAY[cardinality(addresses)]), addresses);
  END IF;
  IF writes ->> 'address' IS NOT NULL THEN
    SELECT d.edition INTO edition FROM directory d;
    SELECT o.document, o.etag INTO document, etag FROM owners_view(writes ->> 'address') o;
    status := writes ->> 'status';
    headers := json_strip_nulls(json_build_object('ETag', etag, 'Directory-Edition', edition::text, 'Location', writes ->> 'location',
      'Cache-Control', 'no-store', 'Content-Type', CASE WHEN document IS NOT NULL THEN 'application/json' END));
    body := convert_to(coalesce(document, ''), 'UTF8');
  END IF;
  IF writes ->> 'key' IS NOT NULL THEN
    UPDATE idempotency_key k SET status = conclude_writes.status, headers = conclude_writes.headers, body = conclude_writes.body
    WHERE k.operator = writes ->> 'operator' AND k.key = writes ->> 'key';
  END IF;
  IF addresses IS NOT NULL THEN
    PERFORM audit_append_all(writes ->> 'actor', writes ->> 'credential', writes ->> 'operator', 'mailbox', actions, addresses, befores,
      afters, details, writes ->> 'request_id');
  END IF;
END $$;
COMMENT ON FUNCTION conclude_writes IS
  'Publishes written mailboxes and writes the acts into the audit trail, last before the commit. Where one address is asked for, gives the answer to its write, kept under its idempotency key if it has one.';
