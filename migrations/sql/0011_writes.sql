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

DROP VIEW own_mailbox;
CREATE VIEW own_mailbox AS
SELECT m.address, m.operator, m.domain, m.type, m.state, m.unlisted, w.document,
  '"' || coalesce(p.sequence || '-' || encode(substr(p.fingerprint, 1, 8), 'hex'),
                  '0-' || left(encode(sha256(convert_to(w.document, 'UTF8')), 'hex'), 16)) || '"' AS etag
FROM mailbox m
LEFT JOIN LATERAL (SELECT * FROM publication x WHERE x.kind = 'mailbox' AND x.key = m.address LIMIT 1) p ON true
-- A look-up for null costs nothing: the document of a public mailbox is at hand.
LEFT JOIN LATERAL (SELECT x.body FROM stated_mailbox x WHERE x.key = CASE WHEN p.key IS NULL THEN m.address END OFFSET 0) s ON true
CROSS JOIN LATERAL (
  SELECT coalesce(left(p.document, -1),
                  left(s.body, -1) || ',"published_at":null,"sequence":null,"updated_at":"' || utc_text(m.updated_at) || '"')
    || ',"liste_rouge":' || m.unlisted || ',"phone":' || json_text(m.phone) || ',"responsible":' || json_text(m.responsible)
    || ',"state":' || json_text(m.state) || '}' AS document
  OFFSET 0) w
WHERE m.state <> 'withdrawn';
COMMENT ON VIEW own_mailbox IS
  'The owner''s view: every mailbox that is not withdrawn, hidden or not, with what its operator and administrators alone see. A hidden one has a tag of its own, which changes with every change of the row.';
