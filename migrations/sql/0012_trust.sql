-- The trust space: where operators come from, the conformity file of each, who may publish now, and whose domain is whose.

ALTER TABLE operator
  ADD COLUMN source text COLLATE "C" NOT NULL DEFAULT 'liste_blanche'
    CONSTRAINT ck_operator_source CHECK (source IN ('liste_blanche', 'admin')),
  ADD COLUMN state_reason text,
  ADD COLUMN state_since timestamptz NOT NULL DEFAULT now();

-- Known where the certificate itself was shown, not only its name.
ALTER TABLE operator_certificate ADD COLUMN expires_at timestamptz;

CREATE TABLE conformity_document (
  id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_conformity_document PRIMARY KEY,
  operator text COLLATE "C" NOT NULL CONSTRAINT fk_conformity_document_operator_operator REFERENCES operator (id),
  kind text COLLATE "C" NOT NULL CONSTRAINT ck_conformity_document_kind CHECK (kind IN ('contract', 'commitment', 'hosting')),
  reference text NOT NULL,
  starts_on date NOT NULL,
  expires_on date NOT NULL,
  recorded_by text COLLATE "C" NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ck_conformity_document_dates CHECK (starts_on < expires_on)
);
CREATE INDEX ix_conformity_document_operator_kind ON conformity_document (operator, kind);

CREATE TABLE conformity_exception (
  id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_conformity_exception PRIMARY KEY,
  operator text COLLATE "C" NOT NULL CONSTRAINT fk_conformity_exception_operator_operator REFERENCES operator (id),
  reason text NOT NULL,
  expires_on date NOT NULL,
  granted_by text COLLATE "C" NOT NULL,
  granted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_conformity_exception_operator ON conformity_exception (operator);

CREATE FUNCTION french_today() RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT (now() AT TIME ZONE 'Europe/Paris')::date $$;
COMMENT ON FUNCTION french_today IS 'The day of the legal time of France: what is valid until a day is valid to its last second there.';

CREATE VIEW conformity_piece AS
SELECT o.id AS operator, k.position, k.kind, d.reference, d.starts_on, d.expires_on,
  CASE WHEN d.kind IS NULL THEN 'missing' WHEN d.starts_on > french_today() THEN 'future'
       WHEN d.expires_on < french_today() THEN 'expired' ELSE 'in_force' END AS state
FROM operator o
CROSS JOIN (VALUES (1, 'contract'), (2, 'commitment'), (3, 'hosting')) k (position, kind)
LEFT JOIN LATERAL (
  SELECT c.* FROM conformity_document c WHERE c.operator = o.id AND c.kind = k.kind
  ORDER BY (french_today() BETWEEN c.starts_on AND c.expires_on) DESC, c.expires_on DESC, c.id DESC LIMIT 1) d ON true;
COMMENT ON VIEW conformity_piece IS
  'Each piece of the file of each operator, by the document that is in force, else by the one that reaches furthest.';

-- plpgsql, here and below, keeps its plans for the life of a connection: each write asks.
CREATE FUNCTION conformity_waiver(asked_operator text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$ BEGIN
  IF (SELECT true FROM operator_certificate c JOIN domain d ON d.certificate = c.dn
      WHERE c.operator = asked_operator AND d.source = 'liste_blanche' LIMIT 1) THEN
    RETURN 'white list';
  END IF;
  IF (SELECT true FROM conformity_exception e WHERE e.operator = asked_operator AND e.expires_on >= french_today() LIMIT 1) THEN
    RETURN 'exception';
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION conformity_waiver IS
  'Why the file of an operator need not be complete: who publishes an imported white list established the conformity of those it lists (white list), or an administrator said so until a day (exception). Null: it must be.';

CREATE FUNCTION publishing_fault(asked_operator text) RETURNS TABLE (code text, detail text)
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  asked operator;
BEGIN
  SELECT o.* INTO asked FROM operator o WHERE o.id = asked_operator;
  IF asked.id IS NULL THEN
    RETURN QUERY SELECT 'operator.unknown', 'there is no operator ' || coalesce(asked_operator, '(none)');
  ELSIF asked.state IN ('suspended', 'left') THEN
    RETURN QUERY SELECT 'operator.' || asked.state, 'operator ' || asked.id
      || CASE WHEN asked.state = 'left' THEN ' left the trust space on ' ELSE ' has been suspended since ' END
      || (asked.state_since AT TIME ZONE 'Europe/Paris')::date || coalesce(': ' || asked.state_reason, '');
  ELSIF conformity_waiver(asked.id) IS NULL THEN
    RETURN QUERY
    WITH piece AS (SELECT p.* FROM conformity_piece p WHERE p.operator = asked.id AND p.state <> 'in_force')
    SELECT f.code, f.detail FROM (
      SELECT 0 AS position, 'operator.candidate' AS code, 'operator ' || asked.id
          || ' is a candidate until its conformity file is complete: it lacks '
          || (SELECT string_agg(p.kind, ', ' ORDER BY p.position) FROM piece p) AS detail
      WHERE asked.state = 'candidate' AND EXISTS (SELECT FROM piece)
      UNION ALL
      SELECT p.position, 'conformity.' || p.state,
        CASE p.state WHEN 'missing' THEN 'the ' || p.kind || ' is missing from the conformity file of operator ' || p.operator
             WHEN 'future' THEN 'the ' || p.kind || ' of operator ' || p.operator || ' begins on ' || p.starts_on
             ELSE 'the ' || p.kind || ' of operator ' || p.operator || ' expired on ' || p.expires_on END
      FROM piece p
    ) f ORDER BY f.position;
  END IF;
END $$;
COMMENT ON FUNCTION publishing_fault IS 'Why this operator may not publish now, each reason with its stable code and in a sentence. No row: it may.';

-- Whoever changes a state or takes a domain away, a list, a command, an undo: the operator is told.
CREATE FUNCTION tell_state() RETURNS trigger
LANGUAGE plpgsql AS $$ BEGIN
  NEW.state_since := now();
  INSERT INTO notice (operator, code, kind, key, detail)
  VALUES (NEW.id, 'operator.state_changed', 'operator', NEW.id,
    '{"from":' || json_text(OLD.state) || ',"reason":' || json_text(NEW.state_reason) || ',"to":' || json_text(NEW.state) || '}');
  RETURN NEW;
END $$;
COMMENT ON FUNCTION tell_state IS 'Dates every change of the state of an operator, and tells the operator.';
CREATE TRIGGER tell_state BEFORE UPDATE ON operator FOR EACH ROW
  WHEN (NEW.state IS DISTINCT FROM OLD.state) EXECUTE FUNCTION tell_state();

CREATE FUNCTION tell_domain_removed() RETURNS trigger
LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO notice (operator, code, kind, key, detail)
  SELECT DISTINCT c.operator, 'domain.removed', 'domain', g.name, '{}'
  FROM gone g JOIN operator_certificate c ON c.dn = g.certificate
  -- One that is listed for another certificate of the same operator is its own as before.
  WHERE NOT EXISTS (SELECT FROM domain d JOIN operator_certificate x ON x.dn = d.certificate
                    WHERE d.name = g.name AND x.operator = c.operator)
  ORDER BY 1, 4;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION tell_domain_removed IS 'Tells an operator that a domain is its own no longer.';
CREATE TRIGGER tell_domain_removed AFTER DELETE ON domain REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION tell_domain_removed();

-- What our own white list is made of is numbered, so that it is made once for each state and not for each request.
CREATE TABLE trust_edition (
  singleton boolean DEFAULT true CONSTRAINT pk_trust_edition PRIMARY KEY CONSTRAINT ck_trust_edition_singleton CHECK (singleton),
  number bigint NOT NULL,
  changed_at timestamptz NOT NULL,
  transaction text COLLATE "C"
);
INSERT INTO trust_edition (number, changed_at) VALUES (0, now());

CREATE FUNCTION number_trust() RETURNS trigger
LANGUAGE plpgsql AS $$ BEGIN
  UPDATE trust_edition SET number = number + 1, changed_at = clock_timestamp(), transaction = pg_current_xact_id()::text
  WHERE transaction IS DISTINCT FROM pg_current_xact_id()::text;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION number_trust IS 'Gives another number to another state of the trust space, once for each transaction.';
-- Deferred: the row of the number is locked at the commit, after everything else, so that nobody waits for a lock behind it;
-- numbers and instants then stand in the order of the commits.
CREATE CONSTRAINT TRIGGER number_trust AFTER INSERT OR UPDATE OR DELETE ON operator
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION number_trust();
CREATE CONSTRAINT TRIGGER number_trust AFTER INSERT OR UPDATE OR DELETE ON operator_certificate
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION number_trust();
CREATE CONSTRAINT TRIGGER number_trust AFTER INSERT OR UPDATE OR DELETE ON domain
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION number_trust();

-- A plan waits for its hour; a white list that takes much away waits for somebody who says that it is right.
ALTER TABLE import_run ADD COLUMN effective_at timestamptz;
INSERT INTO import_guard (source, name, level, threshold)
VALUES ('liste_blanche', 'shrink', 'refuse', 0.05), ('liste_blanche', 'unlisted_mailboxes', 'refuse', 0.05);

-- LATERAL with LIMIT forces look-ups by key, as in 0002: publish() keeps a plan that was made for empty tables.
CREATE VIEW domain_owner AS
SELECT d.name, d.certificate, o.id AS operator
FROM domain d
CROSS JOIN LATERAL (SELECT x.operator FROM operator_certificate x WHERE x.dn = d.certificate LIMIT 1) c
CROSS JOIN LATERAL (SELECT x.id, x.state FROM operator x WHERE x.id = c.operator LIMIT 1) o
WHERE o.state <> 'left';
COMMENT ON VIEW domain_owner IS 'Whose domain is whose: the listed pairs of domain and certificate of operators that have not left.';

CREATE OR REPLACE VIEW visible_attachment AS
SELECT a.id, a.address, a.practitioner, a.organization, a.title, a.family, a.given, a.category, a.profession, a.skill, a.organization_name,
  a.trade_name, a.recipient, a.building, a.number, a.repetition, a.street_type, a.street, a.distribution, a.line6, a.postal_code, a.city,
  a.department, a.country, m.type, m.domain, m.service, m.description, m.rank, m.dematerialization, m.operator
FROM mailbox_attachment a
CROSS JOIN LATERAL (
  SELECT x.type, x.domain, x.service, x.description, x.rank, x.dematerialization, x.operator, x.state, x.unlisted
  FROM mailbox x WHERE x.address = a.address LIMIT 1) m
WHERE m.state = 'active'
  AND NOT m.unlisted
  -- A scalar subquery, since EXISTS may be planned as a hash of all domains, built anew by every publish().
  AND (NOT coalesce((SELECT loaded FROM source WHERE name = 'liste_blanche'), false)
       OR (SELECT true FROM domain_owner d WHERE d.name = m.domain AND (m.operator IS NULL OR d.operator = m.operator) LIMIT 1) IS TRUE)
  AND (SELECT p.register_state FROM practitioner p WHERE p.national_id = a.practitioner LIMIT 1) IS DISTINCT FROM 'closed';
COMMENT ON VIEW visible_attachment IS
  'Holders of the mailboxes that may be seen: active, not on the red list, holder not struck off, and in a domain listed for its operator (any, while none has claimed it) that has not left.';

CREATE OR REPLACE VIEW published_mailbox AS
SELECT h.address AS key,
  '{"address":' || json_text(h.address) || ',"attachments":[' || h.attachments
  || '],"dematerialization":' || coalesce(h.dematerialization::text, 'null')
  || ',"description":' || json_text(h.description) || ',"domain":' || json_text(h.domain)
  || ',"operator":' || json_text(coalesce(h.operator, (
       SELECT CASE WHEN min(d.operator) = max(d.operator) THEN min(d.operator) END
       FROM domain_owner d WHERE d.name = h.domain)))
  || ',"organization":' || h.organization || ',"place":' || h.place
  || ',"practitioner":' || h.practitioner || ',"rank":' || coalesce(h.rank::text, 'null')
  || ',"service":' || json_text(h.service) || ',"type":' || json_text(h.type) || '}' AS body,
  h.domain, h.type, as_set(h.practitioner_keys) AS practitioner_keys, as_set(h.organization_keys) AS organization_keys
FROM (
  SELECT a.address, a.type, a.domain, a.service, a.description, a.rank, a.dematerialization, a.operator,
    string_agg('{"organization":' || a.organization || ',"practitioner":' || a.practitioner || '}', ',') AS attachments,
    (array_agg(a.organization))[1] AS organization, (array_agg(a.practitioner))[1] AS practitioner, (array_agg(a.place))[1] AS place,
    array_agg(a.practitioner_key) FILTER (WHERE a.practitioner_key IS NOT NULL) AS practitioner_keys,
    array_agg(a.organization_key) FILTER (WHERE a.organization_key IS NOT NULL) AS organization_keys
  FROM (
    SELECT v.address, v.type, v.domain, v.service, v.description, v.rank, v.dematerialization, v.operator,
      v.practitioner AS practitioner_key, v.organization AS organization_key,
      CASE WHEN i.national_id IS NOT NULL THEN
        '{"family":' || json_text(i.family) || ',"given":' || json_text(i.given) || ',"national_id":' || json_text(i.national_id)
        || ',"profession":' || coded_by(i.profession, profession.coded) || ',"rpps":' || json_text(i.rpps)
        || ',"specialties":' || i.specialties || ',"title":' || json_text(title.label) || '}'
      WHEN v.practitioner IS NOT NULL OR v.family IS NOT NULL THEN
        '{"family":' || json_text(v.family) || ',"given":' || json_text(v.given) || ',"national_id":' || json_text(v.practitioner)
        || ',"profession":' || coded_by(v.profession, profession.coded)
        || ',"rpps":' || json_text(CASE WHEN v.practitioner ~ '^8[0-9]{11}$' THEN substr(v.practitioner, 2) END)
        || ',"specialties":' || CASE WHEN v.skill IS NULL THEN '[]' ELSE '[{"code":' || json_text(v.skill) || ',"label":' || json_text(skill.label) || ',"type":null}]' END
        || ',"title":' || json_text(title.label) || '}'
      ELSE 'null' END AS practitioner,
      CASE WHEN o.organization IS NOT NULL THEN o.summary
      WHEN v.organization IS NOT NULL OR v.organization_name IS NOT NULL THEN
        '{"finess":' || json_text(organization_finess(v.organization)) || ',"id":' || json_text(v.organization)
        || ',"name":' || json_text(v.organization_name) || ',"siret":' || json_text(organization_siret(v.organization))
        || ',"trade_name":' || json_text(v.trade_name) || '}'
      ELSE 'null' END AS organization,
      CASE WHEN o.place <> 'null' THEN o.place
      ELSE place(v.recipient, v.building, v.number, v.repetition, v.street_type, v.street, v.distribution,
                 v.postal_code, v.city, v.department, v.country) END AS place
    FROM visible_attachment v
    LEFT JOIN LATERAL (SELECT * FROM practitioner_identity x WHERE x.national_id = v.practitioner OFFSET 0) i ON true
    LEFT JOIN LATERAL (SELECT * FROM organization_summary x WHERE x.organization = v.organization OFFSET 0) o ON true
    LEFT JOIN code_label profession ON profession.value_set = 'profession'
      AND profession.code = CASE WHEN i.national_id IS NULL THEN v.profession ELSE i.profession END
    LEFT JOIN code_label title ON title.value_set = 'title' AND title.code = CASE WHEN i.national_id IS NULL THEN v.title ELSE i.title END
    LEFT JOIN code_label skill ON skill.value_set = 'skill' AND skill.code = v.skill
    ORDER BY v.address, v.type, v.domain, v.service, v.description, v.rank, v.dematerialization, v.operator, v.practitioner, v.organization
  ) a
  GROUP BY a.address, a.type, a.domain, a.service, a.description, a.rank, a.dematerialization, a.operator
) h;

CREATE INDEX ix_mailbox_operator ON mailbox (operator) WHERE operator IS NOT NULL;

CREATE OR REPLACE VIEW dependent AS
SELECT n.kind, n.key, n.to_kind, n.to_key FROM near_dependent n
UNION ALL
SELECT 'domain', m.domain, 'mailbox', m.address FROM mailbox m
UNION ALL
SELECT 'domain', m.domain, 'practitioner', a.practitioner FROM mailbox m JOIN mailbox_attachment a ON a.address = m.address WHERE a.practitioner IS NOT NULL
UNION ALL
SELECT 'operator', c.operator, 'mailbox', m.address FROM operator_certificate c JOIN domain d ON d.certificate = c.dn JOIN mailbox m ON m.domain = d.name
UNION ALL
SELECT 'operator', c.operator, 'practitioner', a.practitioner
FROM operator_certificate c JOIN domain d ON d.certificate = c.dn JOIN mailbox m ON m.domain = d.name JOIN mailbox_attachment a ON a.address = m.address
WHERE a.practitioner IS NOT NULL
UNION ALL
-- What it wrote in a domain that is its own no longer.
SELECT 'operator', m.operator, 'mailbox', m.address FROM mailbox m WHERE m.operator IS NOT NULL
UNION ALL
SELECT 'operator', m.operator, 'practitioner', a.practitioner
FROM mailbox m JOIN mailbox_attachment a ON a.address = m.address WHERE m.operator IS NOT NULL AND a.practitioner IS NOT NULL
UNION ALL
SELECT 'source', 'liste_blanche', 'mailbox', m.address FROM mailbox m
UNION ALL
SELECT 'source', 'liste_blanche', 'practitioner', a.practitioner FROM mailbox_attachment a WHERE a.practitioner IS NOT NULL
UNION ALL
SELECT 'source', 'savoir_faire', 'practitioner', s.practitioner FROM skill s
UNION ALL
SELECT 'source', 'savoir_faire', 'mailbox', a.address FROM skill s JOIN mailbox_attachment a ON a.practitioner = s.practitioner
UNION ALL
SELECT 'code/' || u.value_set, u.code, 'practitioner', u.practitioner FROM code_use u WHERE u.practitioner IS NOT NULL
UNION ALL
SELECT 'code/' || u.value_set, u.code, 'organization', u.organization FROM code_use u WHERE u.organization IS NOT NULL
UNION ALL
SELECT 'code/' || u.value_set, u.code, 'mailbox', u.address FROM code_use u WHERE u.address IS NOT NULL
UNION ALL
SELECT 'code/' || u.value_set, u.code, 'mailbox', a.address FROM code_use u JOIN mailbox_attachment a ON a.practitioner = u.practitioner;
COMMENT ON VIEW dependent IS 'Whose document shows something of what changed: (kind, key) to (kind, key). publish() expands it after the lock.';
