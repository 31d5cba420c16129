-- New state of the white list, and how it differs from the registry, counted by domain name.
ANALYZE stage;

CREATE TEMP TABLE new_domain ON COMMIT DROP AS
SELECT DISTINCT ON (name, certificate) name, certificate, updated::timestamptz AS source_updated, description, responsible_contact, support_contact
FROM stage
ORDER BY name, certificate, updated::timestamptz DESC NULLS LAST, description COLLATE "C", responsible_contact COLLATE "C",
  support_contact COLLATE "C";
CREATE TEMP TABLE new_certificate ON COMMIT DROP AS
SELECT certificate AS dn, min(operator COLLATE "C") AS operator, min(listed_as COLLATE "C") AS listed_as FROM stage GROUP BY certificate;
CREATE TEMP TABLE new_operator ON COMMIT DROP AS
SELECT c.operator AS id, min(s.operator_name COLLATE "C") AS name
FROM stage s JOIN new_certificate c ON c.dn = s.certificate GROUP BY c.operator;

CREATE TEMP TABLE pair_change ON COMMIT DROP AS
SELECT coalesce(n.name, d.name) AS name, coalesce(n.certificate, d.certificate) AS certificate,
  CASE WHEN n.name IS NULL THEN 'close' WHEN d.name IS NULL THEN 'create'
    -- A pair that another source asserts is not the white list's to change.
    WHEN d.source = 'liste_blanche' AND (d.description, d.responsible_contact, d.support_contact, d.source_updated)
      IS DISTINCT FROM (n.description, n.responsible_contact, n.support_contact, n.source_updated) THEN 'update'
    ELSE 'same' END AS action
FROM new_domain n
FULL JOIN domain d ON d.name = n.name AND d.certificate = n.certificate
WHERE n.name IS NOT NULL OR d.source = 'liste_blanche';

-- What documents show of a domain: that it is listed, and who its operators are.
CREATE TEMP TABLE domain_change ON COMMIT DROP AS
SELECT name,
  CASE WHEN before IS NULL THEN 'create' WHEN after IS NULL THEN 'close' WHEN before <> after OR is_edited THEN 'update' ELSE 'same' END AS action,
  before IS DISTINCT FROM after AS is_seen
FROM (
  SELECT p.name, bool_or(p.action <> 'same') AS is_edited,
    array_agg(DISTINCT known.operator ORDER BY known.operator) FILTER (WHERE p.action <> 'create') AS before,
    array_agg(DISTINCT coalesce(c.operator, known.operator) ORDER BY coalesce(c.operator, known.operator)) FILTER (WHERE p.action <> 'close') AS after
  FROM (
    SELECT name, certificate, action FROM pair_change
    UNION ALL
    SELECT d.name, d.certificate, 'same' FROM domain d
    WHERE d.source <> 'liste_blanche' AND EXISTS (SELECT FROM pair_change x WHERE x.name = d.name)
      AND NOT EXISTS (SELECT FROM pair_change x WHERE x.name = d.name AND x.certificate = d.certificate)) p
  LEFT JOIN new_certificate c ON c.dn = p.certificate
  LEFT JOIN operator_certificate known ON known.dn = p.certificate
  GROUP BY p.name) compared;

INSERT INTO plan (kind, key, action) SELECT 'domain', name, action FROM domain_change;

CREATE TEMP TABLE plan_warning ON COMMIT DROP AS
SELECT code, entities FROM (
  SELECT 'entry.repeated' AS code, (SELECT count(*) FROM stage) - (SELECT count(*) FROM new_domain) AS entities
  UNION ALL
  SELECT 'operator.several_names', count(*) FROM (
    SELECT c.operator FROM stage s JOIN new_certificate c ON c.dn = s.certificate
    GROUP BY c.operator HAVING count(DISTINCT s.operator_name) > 1) named) warned
WHERE entities > 0;
