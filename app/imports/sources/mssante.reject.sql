-- Lines of the extraction without a usable address, type or person: the first fault of each line, by the column at fault.
-- A table first: PostgreSQL reads with several processes for CREATE TABLE AS, never for INSERT. Addresses and numbers of the
-- usual form need no close look.
CREATE UNLOGGED TABLE faulty AS
SELECT *, address_fault(address) AS fault, national_id_fault(person) AS id_fault
FROM (SELECT line, address, type, national_id_of(national_id, id_type, id) AS person FROM stage) s
WHERE address IS NULL OR length(address) > 64 OR address !~ '^[a-z0-9_-]+(\.[a-z0-9_-]+)*@([a-z0-9]+(-[a-z0-9]+)*\.)+[a-z0-9]+$'
  OR upper(type) IS NULL OR upper(type) NOT IN ('PER', 'ORG', 'APP', 'CAB')
  OR NOT coalesce(is_rpps_form(person), true);

INSERT INTO import_stage_reject (line, "column", code, detail)
SELECT line, fault[1], fault[2], fault[3]
FROM (
  SELECT s.line,
    CASE
      WHEN s.fault IS NOT NULL THEN ARRAY['address', 'address.' || s.fault, 'address ' || coalesce(left(s.address, 254), '(empty)')
        || CASE s.fault
             WHEN 'missing' THEN ': a mailbox needs its address'
             WHEN 'ascii' THEN ': it holds a letter outside ASCII'
             WHEN 'at_sign' THEN ': it needs exactly one @'
             WHEN 'length' THEN ': at most 254 characters, 64 before the @'
             WHEN 'local_part' THEN ': the part before the @ is empty or holds a character not allowed'
             ELSE ': the part after the @ is not a domain name' END]
      WHEN coalesce(upper(btrim(s.type)), '') NOT IN ('PER', 'ORG', 'APP', 'CAB') THEN ARRAY['type', 'type.unknown',
        'type ' || coalesce(s.type, '(empty)') || ': expected PER, ORG, APP or CAB (TRE_R257)']
      -- A mailbox may have no person; a text that cannot be a person's identification is no person either.
      WHEN s.id_fault <> 'missing' THEN ARRAY['national_id', 'national_id.' || s.id_fault,
        'national identification ' || s.person || ': expected 8 + RPPS, 0 + ADELI, or a type, a place and a register number']
    END AS fault
  FROM faulty s
) judged
WHERE fault IS NOT NULL;
