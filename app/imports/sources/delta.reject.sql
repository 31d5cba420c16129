-- Lines of an admin's file that cannot be meant: the first fault of each line, by the column at fault.
INSERT INTO import_stage_reject (line, "column", code, detail)
SELECT line, fault[1], fault[2], fault[3]
FROM (
  SELECT s.line,
    CASE
      WHEN coalesce(op, '') NOT IN ('create', 'change', 'close') THEN ARRAY['operation', 'operation.unknown',
        'operation ' || coalesce(operation, '(empty)') || ': expected create, change or close']
      WHEN coalesce(what, '') NOT IN ('mailbox', 'organization') THEN ARRAY['kind', 'kind.unknown',
        'kind ' || coalesce(kind, '(empty)') || ': expected mailbox or organization']
      WHEN what = 'mailbox' THEN CASE
        WHEN address_fault(address) IS NOT NULL THEN ARRAY['address', 'address.' || address_fault(address),
          'address ' || coalesce(left(address, 254), '(empty)') || ': expected a name, one @ and a domain, in ASCII']
        WHEN is_repeated THEN ARRAY['address', 'entity.repeated', 'the file names ' || key_mailbox || ' on an earlier line: put all that is meant on one']
        WHEN is_of_operator THEN ARRAY['address', 'mailbox.of_operator',
          key_mailbox || ' was written by its operator, which alone changes it, withdraws it and gives it out again']
        WHEN op = 'create' AND mailbox_state <> 'withdrawn' THEN ARRAY['address', 'mailbox.exists',
          key_mailbox || ' is there already: change it']
        WHEN op <> 'create' AND coalesce(mailbox_state, 'withdrawn') = 'withdrawn' THEN ARRAY['address', 'mailbox.unknown',
          'no mailbox ' || key_mailbox || ' is published or suspended: create it']
        WHEN op = 'close' THEN NULL
        WHEN upper(type) NOT IN ('PER', 'ORG', 'APP', 'CAB') OR op = 'create' AND type IS NULL THEN ARRAY['type', 'type.unknown',
          'type ' || coalesce(type, '(empty)') || ': expected PER, ORG, APP or CAB (TRE_R257)']
        WHEN op = 'create' AND is_listing AND NOT is_listed THEN ARRAY['address', 'domain.unlisted',
          'the domain of ' || key_mailbox || ' is not on the white list: nobody would see the mailbox']
        WHEN practitioner <> '-' AND national_id_fault(person_of(practitioner)) IS NOT NULL THEN ARRAY['practitioner',
          'national_id.' || national_id_fault(person_of(practitioner)), 'person ' || practitioner || ': expected 11 digits of an RPPS, or a national identification']
        WHEN practitioner <> '-' AND NOT is_person_known THEN ARRAY['practitioner', 'practitioner.not_found',
          'no person ' || practitioner || ' is in the register']
        WHEN op = 'create' AND upper(type) = 'PER' AND coalesce(practitioner, '-') = '-' THEN ARRAY['practitioner', 'practitioner.missing',
          'a personal mailbox belongs to a person: give the RPPS']
        WHEN organization <> '-' AND NOT is_structure_known THEN ARRAY['organization', 'organization.not_found',
          'no structure ' || organization || ' is known: give its FINESS, its SIRET or its id']
        WHEN op = 'create' AND upper(type) = 'ORG' AND coalesce(organization, '-') = '-' THEN ARRAY['organization', 'organization.missing',
          'a mailbox of an organization belongs to one: give its FINESS, its SIRET or its id']
        WHEN length(service) > 90 THEN ARRAY['service', 'service.too_long', 'the service has ' || length(service) || ' characters, over 90']
        WHEN rank <> '-' AND rank !~ '^[1-9][0-9]{0,5}$' THEN ARRAY['rank', 'rank.form', 'rank ' || rank || ': expected a whole number from 1']
        WHEN dematerialization <> '-' AND answer_of(dematerialization) IS NULL THEN ARRAY['dematerialization', 'answer.form',
          'dematerialization ' || dematerialization || ': expected O or N']
        WHEN liste_rouge = '-' OR answer_of(liste_rouge) IS NULL AND liste_rouge IS NOT NULL THEN ARRAY['liste_rouge', 'answer.form',
          'liste_rouge ' || liste_rouge || ': expected O or N']
        END
      WHEN finess IS NOT NULL AND finess_of(upper(finess)) IS NULL THEN ARRAY['finess', 'finess.form',
        'FINESS number ' || finess || ': expected 9 digits, of which the second may be A or B']
      WHEN siret IS NOT NULL AND siret_of(siret) IS NULL THEN ARRAY['siret', 'siret.form', 'SIRET ' || siret || ': expected 14 digits']
      WHEN key_organization IS NULL THEN ARRAY['finess', 'id.missing', 'a structure is named by its FINESS, its SIRET or its id']
      WHEN is_repeated THEN ARRAY['finess', 'entity.repeated', 'the file names ' || key_organization || ' on an earlier line: put all that is meant on one']
      WHEN op = 'create' AND is_recorded THEN ARRAY['finess', 'organization.exists', key_organization || ' is there already: change it']
      WHEN op = 'create' AND finess IS NOT NULL AND NOT finess_valid(upper(finess)) THEN ARRAY['finess', 'finess.check_digit',
        'FINESS number ' || finess || ' fails its check digit: it is mistyped']
      WHEN op = 'create' AND siret IS NOT NULL AND NOT siret_valid(siret) THEN ARRAY['siret', 'siret.check_digit',
        'SIRET ' || siret || ' fails its check digit: it is mistyped']
      WHEN op <> 'create' AND NOT is_recorded THEN ARRAY['finess', 'organization.not_found', 'no structure ' || key_organization || ' is known: create it']
      WHEN op = 'close' AND NOT is_ours THEN ARRAY['operation', 'organization.registered',
        key_organization || ' is stated by a register, which alone can close it']
      WHEN op = 'create' AND coalesce(name, '-') = '-' THEN ARRAY['name', 'name.missing', 'a structure is published under a name']
      WHEN postal_code <> '-' AND coalesce(country, 'France') IN ('-', 'France', 'FRANCE') AND postal_code !~ '^[0-9]{5}$' THEN ARRAY['postal_code',
        'postal_code.form', 'postal code ' || postal_code || ': expected 5 digits; those of a column of numbers lose their zeros']
    END AS fault
  FROM (
    SELECT s.*, lower(s.operation) AS op, lower(s.kind) AS what, m.state AS mailbox_state,
      coalesce(m.source = 'api', false) AS is_of_operator,
      EXISTS (SELECT FROM stage e WHERE coalesce(e.key_mailbox, e.key_organization) = coalesce(s.key_mailbox, s.key_organization)
              AND lower(e.kind) = lower(s.kind) AND e.line < s.line
              -- A mailbox of several people or structures is created by a line for each.
              AND NOT (lower(s.kind) = 'mailbox' AND lower(e.operation) = 'create' AND lower(s.operation) = 'create')) AS is_repeated,
      EXISTS (SELECT FROM source l WHERE l.name = 'liste_blanche' AND l.loaded) AS is_listing,
      EXISTS (SELECT FROM domain d WHERE d.name = split_part(s.key_mailbox, '@', 2)) AS is_listed,
      EXISTS (SELECT FROM practitioner p WHERE p.national_id = person_of(s.practitioner) AND p.register_state <> 'closed') AS is_person_known,
      EXISTS (SELECT FROM organization o WHERE o.key = structure_of(s.organization))
        OR EXISTS (SELECT FROM stage c WHERE lower(c.operation) = 'create' AND c.key_organization = structure_of(s.organization)) AS is_structure_known,
      EXISTS (SELECT FROM organization_record r WHERE r.organization = s.key_organization) AS is_recorded,
      EXISTS (SELECT FROM organization_record r WHERE r.organization = s.key_organization AND r.source = 'delta') AS is_ours
    FROM stage s LEFT JOIN mailbox m ON m.address = s.key_mailbox) s
) judged
WHERE fault IS NOT NULL;
