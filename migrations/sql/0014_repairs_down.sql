CREATE OR REPLACE FUNCTION withdraw_snapshots_before(hiding bigint) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN
  UPDATE directory SET hidden_at = greatest(hidden_at, hiding);
  -- Any of them may hold that row: which does is known to nobody but its reader.
  UPDATE snapshot SET state = 'withdrawn' WHERE state = 'offered' AND edition < hiding;
  IF FOUND THEN
    PERFORM pg_notify('annuaire_snapshot', hiding::text);
  END IF;
END $$;
ALTER TABLE snapshot DROP COLUMN withdrawn_at;

-- What writes need to know, and hold until they commit, for one write or a portion of a batch. One call, since each statement
-- costs the API more than PostgreSQL. Locks are taken in one order: operator, domains, persons, mailboxes (each kind by key), then 4
-- and 10; each statement sees what was committed before those above it were granted theirs.
CREATE OR REPLACE FUNCTION stand_for_writes(
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

-- What the file printed of a mailbox that it brought is printed again, so that reading it back changes nothing; what operators and
-- administrators wrote is printed as it is published. Read in one snapshot in which nothing waits to be published.
-- A function, since the first publication puts another table in the place of `publication`, which a view would hold fast.
CREATE OR REPLACE FUNCTION extraction_lines() RETURNS TABLE (address text, practitioner text, organization text, line text)
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
