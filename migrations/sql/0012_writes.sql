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
