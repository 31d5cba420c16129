-- New state of the white list: operators, their certificates, and the domains that each certificate may publish in.
CREATE UNLOGGED TABLE new_domain AS
SELECT DISTINCT ON (name, certificate) name, certificate, description, responsible_contact, support_contact, updated::timestamptz AS source_updated
FROM stage_domain
ORDER BY name, certificate, updated::timestamptz DESC NULLS LAST, description COLLATE "C", responsible_contact COLLATE "C",
  support_contact COLLATE "C";
INSERT INTO plan_warning
SELECT 'entry.repeated', (SELECT count(*) FROM stage_domain) - (SELECT count(*) FROM new_domain)
WHERE (SELECT count(*) FROM stage_domain) > (SELECT count(*) FROM new_domain);
-- A pair that another source asserts is not the white list's to change.
DELETE FROM new_domain n USING domain d WHERE (d.name, d.certificate) = (n.name, n.certificate) AND d.source <> 'liste_blanche';

-- A certificate that an administrator gave to an operator stays that operator's, under the name that it has here.
CREATE UNLOGGED TABLE new_operator_certificate AS
SELECT s.certificate AS dn, coalesce(min(k.operator), min(s.operator COLLATE "C")) AS operator, min(s.listed_as COLLATE "C") AS listed_as
FROM stage_domain s
LEFT JOIN (SELECT c.dn, c.operator FROM operator_certificate c JOIN operator o ON o.id = c.operator WHERE o.source = 'admin') k
  ON k.dn = s.certificate
GROUP BY s.certificate;
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
