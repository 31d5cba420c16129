-- Write what differs of the FINESS stock, and mark the structures whose documents may change.
INSERT INTO organization (key) SELECT organization FROM structure_change WHERE action = 'create' ON CONFLICT DO NOTHING;
DELETE FROM organization_record r USING structure_change c
WHERE c.action = 'close' AND r.organization = c.organization AND r.source = 'finess';
INSERT INTO organization_record (organization, source, kind, finess, siret, siren, parent, national_ids, technical_ids, name, long_name,
  type, opened, recipient, building, number, repetition, street_type, street, distribution, line6, commune, postal_code, city, department,
  country, warnings)
SELECT n.organization, 'finess', n.kind, n.finess, n.siret, n.siren, n.parent, n.national_ids, n.technical_ids, n.name, n.long_name,
  n.type, n.opened, n.recipient, n.building, n.number, n.repetition, n.street_type, n.street, n.distribution, n.line6, n.commune,
  n.postal_code, n.city, n.department, 'France', n.warnings
FROM new_structure n JOIN structure_change c ON c.organization = n.organization
WHERE c.action IN ('create', 'update', 'note')
ON CONFLICT (organization, source) DO UPDATE SET kind = excluded.kind, siret = excluded.siret, siren = excluded.siren,
  parent = excluded.parent, name = excluded.name, long_name = excluded.long_name, type = excluded.type, opened = excluded.opened,
  recipient = excluded.recipient, building = excluded.building, number = excluded.number, repetition = excluded.repetition,
  street_type = excluded.street_type, street = excluded.street, distribution = excluded.distribution, line6 = excluded.line6,
  commune = excluded.commune, postal_code = excluded.postal_code, city = excluded.city, department = excluded.department,
  warnings = excluded.warnings;

INSERT INTO pending (kind, key, run)
SELECT 'organization', organization, %(run)s FROM structure_change WHERE action IN ('create', 'update', 'close');
