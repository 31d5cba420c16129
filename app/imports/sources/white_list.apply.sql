-- Write what differs of the white list, and mark the domains of which documents show something else from now on.
INSERT INTO operator AS o (id, name) SELECT id, name FROM new_operator
ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE o.name <> excluded.name;
INSERT INTO operator_certificate AS c (dn, operator, listed_as) SELECT dn, operator, listed_as FROM new_certificate
ON CONFLICT (dn) DO UPDATE SET operator = excluded.operator, listed_as = excluded.listed_as
WHERE (c.operator, c.listed_as) IS DISTINCT FROM (excluded.operator, excluded.listed_as);

INSERT INTO domain (name, certificate, source, description, responsible_contact, support_contact, source_updated)
SELECT n.name, n.certificate, 'liste_blanche', n.description, n.responsible_contact, n.support_contact, n.source_updated
FROM new_domain n JOIN pair_change p ON p.name = n.name AND p.certificate = n.certificate
WHERE p.action IN ('create', 'update')
ON CONFLICT (name, certificate) DO UPDATE SET description = excluded.description, responsible_contact = excluded.responsible_contact,
  support_contact = excluded.support_contact, source_updated = excluded.source_updated;
DELETE FROM domain d USING pair_change p
WHERE p.action = 'close' AND d.source = 'liste_blanche' AND d.name = p.name AND d.certificate = p.certificate;
-- A certificate goes with its last domain: it must open nothing any more. Its operator stays, other rows name it.
DELETE FROM operator_certificate c USING pair_change p
WHERE p.action = 'close' AND c.dn = p.certificate AND NOT EXISTS (SELECT FROM domain d WHERE d.certificate = c.dn);

INSERT INTO pending (kind, key, run) SELECT 'domain', name, %(run)s FROM domain_change WHERE is_seen;
-- The first list puts the rule of domains in force: every mailbox is judged by it.
INSERT INTO pending (kind, key, run)
SELECT 'source', name, %(run)s FROM source WHERE name = 'liste_blanche' AND NOT loaded;
