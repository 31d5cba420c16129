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

CREATE UNLOGGED TABLE new_operator_certificate AS
SELECT certificate AS dn, min(operator COLLATE "C") AS operator, min(listed_as COLLATE "C") AS listed_as FROM stage_domain GROUP BY certificate;
CREATE UNLOGGED TABLE new_operator AS
SELECT c.operator AS id, min(s.operator_name COLLATE "C") AS name
FROM stage_domain s JOIN new_operator_certificate c ON c.dn = s.certificate GROUP BY c.operator;
INSERT INTO plan_warning
SELECT 'operator.several_names', count(*) FROM (
  SELECT c.operator FROM stage_domain s JOIN new_operator_certificate c ON c.dn = s.certificate
  GROUP BY c.operator HAVING count(DISTINCT s.operator_name) > 1) named
HAVING count(*) > 0;
