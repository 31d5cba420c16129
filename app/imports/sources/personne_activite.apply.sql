-- Write what differs of the persons' file, and mark whose public documents may change.
INSERT INTO organization (key) SELECT organization FROM structure_change WHERE action = 'create' ON CONFLICT DO NOTHING;
DELETE FROM organization_record r USING structure_change c
WHERE c.action = 'close' AND r.organization = c.organization AND r.source = 'personne_activite';
INSERT INTO organization_record (organization, source, kind, finess, siret, siren, parent, national_ids, technical_ids, name, trade_name,
  sector, recipient, building, number, repetition, street_type, street, distribution, line6, commune, postal_code, city, department,
  country, warnings)
SELECT n.organization, 'personne_activite', n.kind, n.finess, n.siret, n.siren, n.parent, n.national_ids, n.technical_ids, n.name,
  n.trade_name, n.sector, n.recipient, n.building, n.number, n.repetition, n.street_type, n.street, n.distribution, n.line6, n.commune,
  n.postal_code, n.city, n.department, n.country, n.warnings
FROM new_structure n JOIN structure_change c ON c.organization = n.organization
ON CONFLICT (organization, source) DO UPDATE SET kind = excluded.kind, finess = excluded.finess, siret = excluded.siret,
  siren = excluded.siren, parent = excluded.parent, national_ids = excluded.national_ids, technical_ids = excluded.technical_ids,
  name = excluded.name, trade_name = excluded.trade_name, sector = excluded.sector, recipient = excluded.recipient,
  building = excluded.building, number = excluded.number, repetition = excluded.repetition, street_type = excluded.street_type,
  street = excluded.street, distribution = excluded.distribution, line6 = excluded.line6, commune = excluded.commune,
  postal_code = excluded.postal_code, city = excluded.city, department = excluded.department, country = excluded.country,
  warnings = excluded.warnings;

INSERT INTO practitioner (national_id, rpps, civility, register_state, warnings)
SELECT n.national_id, n.rpps, n.civility, 'active', n.warnings
FROM new_practitioner n JOIN practitioner_change c ON c.practitioner = n.national_id
ON CONFLICT (national_id) DO UPDATE SET rpps = excluded.rpps, civility = excluded.civility, register_state = excluded.register_state,
  warnings = excluded.warnings;
UPDATE practitioner p SET register_state = 'closed' FROM practitioner_change c
WHERE c.action = 'close' AND p.national_id = c.practitioner;

INSERT INTO practice (practitioner, profession, category, title, family, given)
SELECT n.practitioner, n.profession, n.category, n.title, n.family, n.given
FROM new_practice n
JOIN practice_change c ON c.practitioner = n.practitioner AND c.profession = n.profession AND c.category = n.category
ON CONFLICT (practitioner, profession, category) DO UPDATE SET title = excluded.title, family = excluded.family, given = excluded.given;

DELETE FROM practitioner_role r USING role_change c WHERE c.action = 'delete' AND r.id = c.id;
INSERT INTO practitioner_role (id, practitioner, profession, category, organization, mode, sector, pharmacist_section, role, kind,
  authority, phone, phone_2, fax, email)
SELECT n.id, n.practitioner, n.profession, n.category, n.organization, n.mode, n.sector, n.pharmacist_section, n.role, n.kind,
  n.authority, n.phone, n.phone_2, n.fax, n.email
FROM new_role n JOIN role_change c ON c.id = n.id
ON CONFLICT (id) DO UPDATE SET organization = excluded.organization, pharmacist_section = excluded.pharmacist_section,
  authority = excluded.authority, phone = excluded.phone, phone_2 = excluded.phone_2, fax = excluded.fax, email = excluded.email;

DELETE FROM practice p USING practice_change c
WHERE c.action = 'delete' AND p.practitioner = c.practitioner AND p.profession = c.profession AND p.category = c.category;

DELETE FROM skill s USING skill_change c
WHERE c.action = 'delete' AND s.source = 'personne_activite' AND s.practitioner = c.practitioner AND s.profession = c.profession
  AND s.category = c.category AND s.skill_type = c.skill_type AND s.skill = c.skill;
INSERT INTO skill (practitioner, profession, category, skill_type, skill, source)
SELECT practitioner, profession, category, skill_type, skill, 'personne_activite' FROM skill_change WHERE action = 'insert';

-- Structures first: on a first load their people are not published yet, and are published once instead of twice.
INSERT INTO pending (kind, key, run) SELECT kind, key, %(run)s FROM seen_change ORDER BY kind;
