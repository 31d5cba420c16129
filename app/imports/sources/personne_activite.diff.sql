-- What differs between the new state of the persons' file and the registry, what of it the world can see, and the plan.
ANALYZE new_practitioner, new_practice, new_skill, new_structure, new_role;

CREATE TEMP TABLE practitioner_change ON COMMIT DROP AS
SELECT * FROM (
  SELECT coalesce(n.national_id, p.national_id) AS practitioner,
    CASE WHEN n.national_id IS NULL THEN 'close' WHEN p.national_id IS NULL THEN 'create'
         WHEN (p.rpps, p.civility) IS DISTINCT FROM (n.rpps, n.civility) THEN 'update'
         WHEN p.warnings <> n.warnings THEN 'note' END AS action
  FROM new_practitioner n
  FULL JOIN (SELECT * FROM practitioner WHERE register_state = 'active') p ON p.national_id = n.national_id) compared
WHERE action IS NOT NULL;

CREATE TEMP TABLE practice_change ON COMMIT DROP AS
SELECT * FROM (
  SELECT coalesce(n.practitioner, p.practitioner) AS practitioner, coalesce(n.profession, p.profession) AS profession,
    coalesce(n.category, p.category) AS category,
    CASE WHEN n.practitioner IS NULL THEN 'delete' WHEN p.practitioner IS NULL THEN 'insert'
         WHEN (p.family, p.given, p.title) IS DISTINCT FROM (n.family, n.given, n.title) THEN 'update' END AS action
  FROM new_practice n
  FULL JOIN practice p ON p.practitioner = n.practitioner AND p.profession = n.profession AND p.category = n.category) compared
WHERE action IS NOT NULL;

CREATE TEMP TABLE skill_change ON COMMIT DROP AS
SELECT coalesce(n.practitioner, s.practitioner) AS practitioner, coalesce(n.profession, s.profession) AS profession,
  coalesce(n.category, s.category) AS category, coalesce(n.skill_type, s.skill_type) AS skill_type, coalesce(n.skill, s.skill) AS skill,
  CASE WHEN n.practitioner IS NULL THEN 'delete' ELSE 'insert' END AS action
FROM new_skill n
FULL JOIN (SELECT * FROM skill WHERE source = 'personne_activite') s
  ON s.practitioner = n.practitioner AND s.profession = n.profession AND s.category = n.category
  AND s.skill_type = n.skill_type AND s.skill = n.skill
WHERE (n.practitioner IS NULL OR s.practitioner IS NULL)
  -- Layouts that leave skills to their own file say nothing of them; a person who left takes hers along all the same.
  AND (NOT EXISTS (SELECT FROM stage_missing WHERE field IN ('skill_type', 'skill'))
       OR s.practitioner IN (SELECT practitioner FROM practitioner_change WHERE action = 'close'));

CREATE TEMP TABLE structure_change ON COMMIT DROP AS
SELECT * FROM (
  SELECT coalesce(n.organization, r.organization) AS organization,
    CASE WHEN n.organization IS NULL THEN 'close' WHEN r.organization IS NULL THEN 'create'
      WHEN (r.kind, r.finess, r.siret, r.siren, r.parent, r.national_ids, r.technical_ids, r.name, r.trade_name, r.sector, r.recipient,
            r.building, r.number, r.repetition, r.street_type, r.street, r.distribution, r.postal_code, r.city, r.department, r.country)
        IS DISTINCT FROM
           (n.kind, n.finess, n.siret, n.siren, n.parent, n.national_ids, n.technical_ids, n.name, n.trade_name, n.sector, n.recipient,
            n.building, n.number, n.repetition, n.street_type, n.street, n.distribution, n.postal_code, n.city, n.department, n.country)
      THEN 'update'
      WHEN (r.line6, r.commune, r.warnings) IS DISTINCT FROM (n.line6, n.commune, n.warnings) THEN 'note' END AS action
  FROM new_structure n
  FULL JOIN (SELECT * FROM organization_record WHERE source = 'personne_activite') r ON r.organization = n.organization) compared
WHERE action IS NOT NULL;

CREATE TEMP TABLE role_change ON COMMIT DROP AS
SELECT * FROM (
  SELECT coalesce(n.id, r.id) AS id, coalesce(n.practitioner, r.practitioner) AS practitioner,
    CASE WHEN n.id IS NULL THEN 'delete' WHEN r.id IS NULL THEN 'insert'
      WHEN r.organization IS DISTINCT FROM n.organization THEN 'update'
      WHEN (r.pharmacist_section, r.authority, r.phone, r.phone_2, r.fax, r.email)
        IS DISTINCT FROM (n.pharmacist_section, n.authority, n.phone, n.phone_2, n.fax, n.email) THEN 'note' END AS action
  FROM new_role n FULL JOIN practitioner_role r ON r.id = n.id) compared
WHERE action IS NOT NULL;

-- 'note' = written to the registry, seen by nobody: contact data, warnings, raw parts of an address.
CREATE TEMP TABLE seen_change ON COMMIT DROP AS
SELECT 'practitioner' AS kind, practitioner AS key FROM (
  SELECT practitioner FROM practitioner_change WHERE action <> 'note'
  UNION SELECT practitioner FROM practice_change
  UNION SELECT practitioner FROM skill_change WHERE NOT EXISTS (SELECT FROM source WHERE name = 'savoir_faire' AND loaded)
  UNION SELECT practitioner FROM role_change WHERE action <> 'note') seen
UNION ALL
SELECT 'organization', organization FROM structure_change WHERE action <> 'note';

INSERT INTO plan (kind, key, action)
SELECT 'practitioner', coalesce(n.national_id, c.practitioner),
  CASE WHEN c.action IN ('create', 'close') THEN c.action WHEN t.practitioner IS NOT NULL THEN 'update' ELSE 'same' END
FROM new_practitioner n
FULL JOIN practitioner_change c ON c.practitioner = n.national_id
LEFT JOIN (SELECT practitioner FROM practitioner_change UNION SELECT practitioner FROM practice_change
           UNION SELECT practitioner FROM skill_change UNION SELECT practitioner FROM role_change) t
  ON t.practitioner = coalesce(n.national_id, c.practitioner)
UNION ALL
SELECT 'organization', organization, CASE action WHEN 'note' THEN 'update' ELSE action END FROM structure_change;

CREATE TEMP TABLE plan_warning ON COMMIT DROP AS
SELECT code, count(*) AS entities
FROM (SELECT unnest(warnings) AS code FROM new_practitioner UNION ALL SELECT unnest(warnings) FROM new_structure) warned
GROUP BY code;
