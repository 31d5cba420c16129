-- Write what differs of the extraction, and mark the mailboxes and detached holders whose documents may change.
INSERT INTO practitioner (national_id, rpps, register_state, warnings)
SELECT practitioner, rpps_of(practitioner), 'unknown', array_remove(ARRAY[national_id_warning(practitioner)], NULL)
FROM (SELECT DISTINCT practitioner FROM attachment_change WHERE action = 'insert' AND practitioner IS NOT NULL) named
WHERE NOT EXISTS (SELECT FROM practitioner p WHERE p.national_id = named.practitioner);
INSERT INTO organization (key)
SELECT DISTINCT organization FROM attachment_change WHERE action = 'insert' AND organization IS NOT NULL
ON CONFLICT DO NOTHING;

INSERT INTO mailbox AS m (address, domain, type, service, dematerialization, source, warnings)
SELECT n.address, n.domain, n.type, n.service, n.dematerialization, 'mssante', n.warnings
FROM new_mailbox n JOIN mailbox_change c ON c.address = n.address
WHERE c.action IN ('create', 'update', 'note')
ON CONFLICT (address) DO UPDATE SET type = excluded.type, service = excluded.service, dematerialization = excluded.dematerialization,
  warnings = excluded.warnings, updated_at = now(),
  -- Suspension is the operator's: the file knows nothing of it.
  state = CASE m.state WHEN 'withdrawn' THEN 'active' ELSE m.state END, successor = CASE m.state WHEN 'withdrawn' THEN NULL ELSE m.successor END;
-- The attachments of a withdrawn mailbox stay: they lead from its holders to it, so that their documents drop it.
UPDATE mailbox m SET state = 'withdrawn', updated_at = now() FROM mailbox_change c WHERE c.action = 'close' AND m.address = c.address;

DELETE FROM mailbox_attachment a USING attachment_change c
WHERE c.action IN ('delete', 'update') AND a.address = c.address
  AND (a.practitioner, a.organization) IS NOT DISTINCT FROM (c.practitioner, c.organization);
INSERT INTO mailbox_attachment (address, practitioner, organization, title, family, given, category, profession, skill, organization_name,
  trade_name, recipient, building, number, repetition, street_type, street, distribution, line6, postal_code, city, department, country)
SELECT n.address, n.practitioner, n.organization, n.title, n.family, n.given, n.category, n.profession, n.skill, n.organization_name,
  n.trade_name, n.recipient, n.building, n.number, n.repetition, n.street_type, n.street, n.distribution, n.line6, n.postal_code, n.city,
  n.department, n.country
FROM new_attachment n
JOIN attachment_change c ON c.address = n.address AND c.action IN ('insert', 'update')
  AND coalesce(c.practitioner, '') = coalesce(n.practitioner, '') AND coalesce(c.organization, '') = coalesce(n.organization, '');

INSERT INTO pending (kind, key, run) SELECT kind, key, %(run)s FROM seen_change;
