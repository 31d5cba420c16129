-- The full files that were made of an edition, whether they may still be fetched, and the lines of the one that consumers know.

CREATE TABLE snapshot (
  edition bigint NOT NULL,
  file text COLLATE "C" NOT NULL,
  epoch text NOT NULL,
  bytes bigint NOT NULL,
  sha256 text NOT NULL,
  resources bigint NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now(),
  state text NOT NULL DEFAULT 'offered',
  CONSTRAINT ck_snapshot_state CHECK (state IN ('offered', 'withdrawn', 'expired')),
  CONSTRAINT pk_snapshot PRIMARY KEY (edition, file)
);

-- The last change that hid somebody: what was made before it is offered no more, nor what is just being made.
ALTER TABLE directory ADD COLUMN hidden_at bigint NOT NULL DEFAULT 0;

CREATE FUNCTION withdraw_snapshots_before(hiding bigint) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN
  UPDATE directory SET hidden_at = greatest(hidden_at, hiding);
  -- Any of them may hold that row: which does is known to nobody but its reader.
  UPDATE snapshot SET state = 'withdrawn' WHERE state = 'offered' AND edition < hiding;
  IF FOUND THEN
    PERFORM pg_notify('annuaire_snapshot', hiding::text);
  END IF;
END $$;
COMMENT ON FUNCTION withdraw_snapshots_before IS 'With the commit that hides somebody, no file that may show them can be fetched.';

CREATE FUNCTION withdraw_snapshots() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  -- A person who was struck off or left the register, a mailbox that was hidden or whose holder left. One that its operator withdrew, or
  -- that lost its domain, may say so: it stands in withdrawn, written by the same statement of publish().
  hiding bigint := (
    SELECT max(a.sequence) FROM added a
    WHERE a.operation = 'delete'
      AND (a.kind = 'practitioner'
           OR a.kind = 'mailbox' AND NOT coalesce((SELECT w.reason FROM withdrawn w WHERE w.address = a.key) <> 'holder_inactive', false)));
BEGIN
  IF hiding IS NOT NULL THEN
    PERFORM withdraw_snapshots_before(hiding);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER withdraw_snapshots AFTER INSERT ON change REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION withdraw_snapshots();

CREATE FUNCTION withdraw_snapshots_of_forgotten() RETURNS trigger
LANGUAGE plpgsql AS $$ BEGIN
  -- One that had left the publication and is hidden only now: no change of the log tells of it.
  IF EXISTS (SELECT FROM removed r JOIN mailbox m ON m.address = r.address WHERE m.unlisted OR m.state = 'suspended') THEN
    PERFORM withdraw_snapshots_before((SELECT d.edition FROM directory d));
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER withdraw_snapshots_of_forgotten AFTER DELETE ON withdrawn REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION withdraw_snapshots_of_forgotten();

CREATE FUNCTION extraction_cell(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT translate(value, E'|\r\n', '   ') $$;
COMMENT ON FUNCTION extraction_cell IS 'A text as a cell of the extraction, which knows neither quotes nor escapes.';

-- What the file printed of a mailbox that it brought is printed again, so that reading it back changes nothing; what operators and
-- administrators wrote is printed as it is published. Read in one snapshot in which nothing waits to be published.
-- A function, since the first publication puts another table in the place of `publication`, which a view would hold fast.
CREATE FUNCTION extraction_lines() RETURNS TABLE (address text, practitioner text, organization text, line text)
LANGUAGE sql STABLE AS $$
SELECT m.address, a.practitioner, a.organization,
  array_to_string(ARRAY[
    m.type, m.address, left(a.practitioner, 1), substr(a.practitioner, 2), a.practitioner,
    CASE WHEN a.organization ~ '^(1[0-9AB]{9}|2[0-9]{9}|3[0-9]{14}|4[0-9]{14}|0[0-9]{11})$' THEN left(a.organization, 1) END, a.organization,
    extraction_cell(m.service), h.title, extraction_cell(h.family), extraction_cell(h.given), h.category, extraction_cell(category.label),
    h.profession, extraction_cell(profession.label), h.skill, extraction_cell(skill.label),
    CASE WHEN m.dematerialization THEN 'O' WHEN NOT m.dematerialization THEN 'N' END,
    extraction_cell(s.name), extraction_cell(s.trade_name), extraction_cell(s.recipient), extraction_cell(s.building), extraction_cell(s.number),
    extraction_cell(s.repetition), extraction_cell(s.street_type), extraction_cell(s.street), extraction_cell(s.distribution), extraction_cell(s.line6),
    extraction_cell(s.postal_code), s.department, extraction_cell(CASE s.country WHEN 'France' THEN 'FRANCE' ELSE s.country END)],
    '|', '') AS line
FROM publication p
JOIN mailbox m ON m.address = p.key
JOIN mailbox_attachment a ON a.address = m.address
LEFT JOIN practitioner known ON known.national_id = a.practitioner
CROSS JOIN LATERAL (
  SELECT a.title, a.family, a.given, a.category, a.profession, a.skill WHERE m.source = 'mssante'
  UNION ALL
  SELECT x.title, x.family, x.given, x.category, x.profession, (
      SELECT k.skill FROM shown_skill k WHERE k.practitioner = x.national_id AND k.profession = x.profession AND k.category = x.category
      ORDER BY k.skill_type, k.skill LIMIT 1)
  FROM (SELECT) nothing LEFT JOIN practitioner_identity x ON x.national_id = a.practitioner WHERE m.source <> 'mssante') h
CROSS JOIN LATERAL (
  SELECT a.organization_name AS name, a.trade_name, a.recipient, a.building, a.number, a.repetition, a.street_type, a.street, a.distribution,
    a.line6, a.postal_code, a.department, a.country WHERE m.source = 'mssante'
  UNION ALL
  SELECT o.name, o.trade_name, r.recipient, r.building, r.number, r.repetition, r.street_type, r.street, r.distribution,
    nullif(concat_ws(' ', r.postal_code, r.city), ''), r.postal_code, r.department, r.country
  FROM (SELECT) nothing LEFT JOIN organization_stated o ON o.key = a.organization
  -- The address from one source, as organization_stated takes it.
  LEFT JOIN LATERAL (SELECT * FROM organization_record x WHERE x.organization = a.organization
                     ORDER BY (x.city IS NULL AND x.postal_code IS NULL), x.source LIMIT 1) r ON true
  WHERE m.source <> 'mssante') s
LEFT JOIN code_label category ON category.value_set = 'category' AND category.code = h.category
LEFT JOIN code_label profession ON profession.value_set = 'profession' AND profession.code = h.profession
LEFT JOIN code_label skill ON skill.value_set = 'skill' AND skill.code = h.skill
WHERE p.kind = 'mailbox' AND m.type IN ('PER', 'ORG') AND known.register_state IS DISTINCT FROM 'closed'
$$;
COMMENT ON FUNCTION extraction_lines IS
  'Extraction_Correspondance_MSSante: a line for each holder of each published mailbox of a person or a structure (files.md, 31 columns).';
