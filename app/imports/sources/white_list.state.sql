-- New state of the white list: operators, their certificates, and the domains that each certificate may publish in.
CREATE UNLOGGED TABLE new_domain AS
SELECT DISTINCT ON (name, certificate) name, certificate, description, responsible_contact, support_contact, updated::timestamptz AS source_updated,
  'liste_blanche'::text AS source
FROM stage_domain
ORDER BY name, certificate, updated::timestamptz DESC NULLS LAST, description COLLATE "C", responsible_contact COLLATE "C",
  support_contact COLLATE "C";
INSERT INTO plan_warning
SELECT 'entry.repeated', (SELECT count(*) FROM stage_domain) - (SELECT count(*) FROM new_domain)
WHERE (SELECT count(*) FROM stage_domain) > (SELECT count(*) FROM new_domain);
-- A pair that another source asserts is not the white list's to change; one that was transferred here becomes the list's own.
DELETE FROM new_domain n USING domain d
WHERE (d.name, d.certificate) = (n.name, n.certificate) AND d.source <> 'liste_blanche'
  AND NOT EXISTS (SELECT FROM moved_domain v WHERE (v.name, v.certificate) = (n.name, n.certificate));

-- A certificate that an administrator gave to an operator stays that operator's, under the name that it has here.
CREATE UNLOGGED TABLE new_operator_certificate AS
SELECT s.certificate AS dn, coalesce(min(k.operator), min(s.operator COLLATE "C")) AS operator, min(s.listed_as COLLATE "C") AS listed_as
FROM stage_domain s
LEFT JOIN (SELECT c.dn, c.operator FROM operator_certificate c JOIN operator o ON o.id = c.operator WHERE o.source = 'admin') k
  ON k.dn = s.certificate
GROUP BY s.certificate;
-- A domain that was transferred here stays its receiver's until the list names the receiver for it: until then an entry for a
-- giver is read as one for the receiver. What the list names for neither is taken away, transferred or not.
CREATE UNLOGGED TABLE new_domain_move AS
SELECT v.name, v.from_operator, v.to_operator FROM domain_move v
WHERE EXISTS (SELECT FROM moved_domain m WHERE m.name = v.name)
  AND EXISTS (SELECT FROM domain_move g JOIN new_operator_certificate c ON c.operator = g.from_operator
              JOIN new_domain n ON n.certificate = c.dn AND n.name = g.name WHERE g.name = v.name)
  AND NOT EXISTS (SELECT FROM new_operator_certificate c JOIN stage_domain s ON s.certificate = c.dn
                  WHERE c.operator = v.to_operator AND s.name = v.name);
DELETE FROM new_domain n USING new_domain_move v, new_operator_certificate c
WHERE v.name = n.name AND c.dn = n.certificate AND c.operator = v.from_operator;
INSERT INTO new_domain (name, certificate, description, responsible_contact, support_contact, source_updated, source)
SELECT d.name, d.certificate, d.description, d.responsible_contact, d.support_contact, d.source_updated, d.source
FROM domain d
WHERE EXISTS (SELECT FROM new_domain_move v WHERE v.name = d.name)
  AND EXISTS (SELECT FROM moved_domain m WHERE (m.name, m.certificate) = (d.name, d.certificate));

-- Who is listed is active: who lists it answers for its conformity. What an administrator decided since, stays.
CREATE UNLOGGED TABLE new_operator AS
SELECT c.operator AS id, CASE WHEN o.source = 'admin' THEN o.name ELSE min(s.operator_name COLLATE "C") END AS name,
  CASE WHEN o.state IS NULL OR o.state = 'candidate' THEN 'active' ELSE o.state END AS state
FROM stage_domain s
JOIN new_operator_certificate c ON c.dn = s.certificate
LEFT JOIN operator o ON o.id = c.operator
GROUP BY c.operator, o.source, o.name, o.state;
INSERT INTO plan_warning
SELECT 'operator.several_names', count(*) FROM (
  SELECT c.operator FROM stage_domain s JOIN new_operator_certificate c ON c.dn = s.certificate
  GROUP BY c.operator HAVING count(DISTINCT s.operator_name) > 1) named
HAVING count(*) > 0;
