-- The views as 0003 made them. Columns are named: 0007 cannot be taken back while a view holds those that it added.

CREATE OR REPLACE VIEW organization_summary AS
SELECT o.key AS organization,
  '{"finess":' || json_text(coalesce(organization_finess(o.key), f.finess, p.finess)) || ',"id":' || json_text(o.key)
  || ',"name":' || json_text(coalesce(f.name, p.name)) || ',"siret":' || json_text(coalesce(organization_siret(o.key), f.siret, p.siret))
  || ',"trade_name":' || json_text(coalesce(f.trade_name, p.trade_name)) || '}' AS summary,
  place(w.recipient, w.building, w.number, w.repetition, w.street_type, w.street, w.distribution,
                 w.postal_code, w.city, w.department, w.country) AS place,
  w.postal_code, w.city, w.department
FROM organization o
LEFT JOIN LATERAL (SELECT r.finess, r.siret, r.name, r.trade_name FROM organization_record r WHERE r.organization = o.key AND r.source = 'finess' LIMIT 1) f ON true
LEFT JOIN LATERAL (SELECT r.finess, r.siret, r.name, r.trade_name FROM organization_record r WHERE r.organization = o.key AND r.source = 'personne_activite' LIMIT 1) p ON true
CROSS JOIN LATERAL (
  -- The whole address from one source: lines of one and a town of another would make a third place.
  SELECT r.recipient, r.building, r.number, r.repetition, r.street_type, r.street, r.distribution, r.postal_code, r.city, r.department, r.country
  FROM organization_record r
  WHERE r.organization = o.key AND r.source IN ('finess', 'personne_activite')
  ORDER BY (r.city IS NULL AND r.postal_code IS NULL), r.source LIMIT 1) w;

CREATE OR REPLACE VIEW practitioner_identity AS
SELECT p.national_id, p.rpps, p.civility, n.profession, n.category, n.title, n.family, n.given,
  coalesce((SELECT '[' || string_agg('{"code":' || json_text(s.skill) || ',"label":' || label('skill', s.skill)
        || ',"type":' || json_text(s.skill_type) || '}', ',' ORDER BY s.skill_type, s.skill) || ']'
    FROM shown_skill s WHERE s.practitioner = p.national_id AND s.profession = n.profession AND s.category = n.category), '[]') AS specialties
FROM practitioner p
CROSS JOIN LATERAL (SELECT x.profession, x.category, x.title, x.family, x.given FROM practice x WHERE x.practitioner = p.national_id
                    ORDER BY category_rank(x.category), x.category, x.profession LIMIT 1) n
WHERE p.register_state = 'active';

CREATE OR REPLACE VIEW published_mailbox AS
SELECT h.address AS key,
  '{"address":' || json_text(h.address) || ',"attachments":[' || h.attachments
  || '],"dematerialization":' || coalesce(h.dematerialization::text, 'null')
  || ',"description":' || json_text(h.description) || ',"domain":' || json_text(h.domain)
  || ',"operator":' || json_text(coalesce(h.operator, (
       SELECT CASE WHEN count(DISTINCT c.operator) = 1 THEN min(c.operator) END
       FROM domain d JOIN operator_certificate c ON c.dn = d.certificate WHERE d.name = h.domain)))
  || ',"organization":' || h.organizations[1] || ',"place":' || h.places[1]
  || ',"practitioner":' || h.practitioners[1] || ',"rank":' || coalesce(h.rank::text, 'null')
  || ',"service":' || json_text(h.service) || ',"type":' || json_text(h.type) || '}' AS body,
  h.domain, h.type, h.practitioner_keys, h.organization_keys
FROM (
  SELECT a.address, a.type, a.domain, a.service, a.description, a.rank, a.dematerialization, a.operator,
    string_agg('{"organization":' || organization || ',"practitioner":' || practitioner || '}', ',' ORDER BY a.practitioner_key, a.organization_key) AS attachments,
    array_agg(organization ORDER BY a.practitioner_key, a.organization_key) AS organizations,
    array_agg(practitioner ORDER BY a.practitioner_key, a.organization_key) AS practitioners,
    array_agg(place ORDER BY a.practitioner_key, a.organization_key) AS places,
    coalesce(array_agg(DISTINCT a.practitioner_key) FILTER (WHERE a.practitioner_key IS NOT NULL), '{}') AS practitioner_keys,
    coalesce(array_agg(DISTINCT a.organization_key) FILTER (WHERE a.organization_key IS NOT NULL), '{}') AS organization_keys
  FROM (
    SELECT v.address, v.type, v.domain, v.service, v.description, v.rank, v.dematerialization, v.operator,
      v.practitioner AS practitioner_key, v.organization AS organization_key,
      CASE WHEN i.national_id IS NOT NULL THEN
        '{"family":' || json_text(i.family) || ',"given":' || json_text(i.given) || ',"national_id":' || json_text(i.national_id)
        || ',"profession":' || coded('profession', i.profession) || ',"rpps":' || json_text(i.rpps)
        || ',"specialties":' || i.specialties || ',"title":' || label('title', i.title) || '}'
      WHEN v.practitioner IS NOT NULL OR v.family IS NOT NULL THEN
        '{"family":' || json_text(v.family) || ',"given":' || json_text(v.given) || ',"national_id":' || json_text(v.practitioner)
        || ',"profession":' || coded('profession', v.profession)
        || ',"rpps":' || json_text(CASE WHEN v.practitioner ~ '^8[0-9]{11}$' THEN substr(v.practitioner, 2) END)
        || ',"specialties":' || CASE WHEN v.skill IS NULL THEN '[]' ELSE '[{"code":' || json_text(v.skill) || ',"label":' || label('skill', v.skill) || ',"type":null}]' END
        || ',"title":' || label('title', v.title) || '}'
      ELSE 'null' END AS practitioner,
      CASE WHEN o.organization IS NOT NULL THEN o.summary
      WHEN v.organization IS NOT NULL OR v.organization_name IS NOT NULL THEN
        '{"finess":' || json_text(organization_finess(v.organization)) || ',"id":' || json_text(v.organization)
        || ',"name":' || json_text(v.organization_name) || ',"siret":' || json_text(organization_siret(v.organization))
        || ',"trade_name":' || json_text(v.trade_name) || '}'
      ELSE 'null' END AS organization,
      CASE WHEN o.place IS NOT NULL AND o.place <> 'null' THEN o.place
      ELSE place(v.recipient, v.building, v.number, v.repetition, v.street_type, v.street, v.distribution,
                 v.postal_code, v.city, v.department, v.country) END AS place
    FROM visible_attachment v
    LEFT JOIN LATERAL (SELECT * FROM practitioner_identity x WHERE x.national_id = v.practitioner OFFSET 0) i ON true
    LEFT JOIN LATERAL (SELECT * FROM organization_summary x WHERE x.organization = v.organization OFFSET 0) o ON true
  ) a
  GROUP BY a.address, a.type, a.domain, a.service, a.description, a.rank, a.dematerialization, a.operator
) h;

CREATE OR REPLACE VIEW published_organization AS
SELECT o.key,
  '{"finess":' || json_text(coalesce(organization_finess(o.key), f.finess, p.finess)) || ',"id":' || json_text(o.key)
  || ',"kind":' || json_text(coalesce(f.kind, p.kind)) || ',"long_name":' || json_text(coalesce(f.long_name, p.long_name))
  || ',"name":' || json_text(coalesce(f.name, p.name))
  || ',"national_ids":' || array_to_json(n.national_ids) || ',"parent":' || json_text(coalesce(f.parent, p.parent))
  || ',"place":' || s.place || ',"sector":' || coded('sector', coalesce(p.sector, f.sector))
  || ',"siren":' || json_text(coalesce(f.siren, p.siren, left(coalesce(organization_siret(o.key), f.siret, p.siret), 9)))
  || ',"siret":' || json_text(coalesce(organization_siret(o.key), f.siret, p.siret))
  || ',"technical_ids":' || array_to_json(n.technical_ids) || ',"trade_name":' || json_text(coalesce(f.trade_name, p.trade_name))
  || ',"type":' || coded('organization_type', coalesce(f.type, p.type)) || '}' AS body,
  coalesce(f.name, p.name) AS name, coalesce(f.long_name, p.long_name) AS long_name, coalesce(f.trade_name, p.trade_name) AS trade_name,
  s.city, s.postal_code, s.department, coalesce(f.type, p.type) AS type, coalesce(f.parent, p.parent) AS parent,
  array_remove(n.national_ids || n.technical_ids
    || coalesce(organization_finess(o.key), f.finess, p.finess)
    || coalesce(organization_siret(o.key), f.siret, p.siret), NULL) AS aliases
FROM organization o
CROSS JOIN LATERAL (SELECT * FROM organization_summary x WHERE x.organization = o.key OFFSET 0) s
LEFT JOIN LATERAL (SELECT r.kind, r.finess, r.siret, r.siren, r.parent, r.national_ids, r.technical_ids, r.name, r.long_name, r.trade_name, r.type, r.sector
  FROM organization_record r WHERE r.organization = o.key AND r.source = 'finess' LIMIT 1) f ON true
LEFT JOIN LATERAL (SELECT r.kind, r.finess, r.siret, r.siren, r.parent, r.national_ids, r.technical_ids, r.name, r.long_name, r.trade_name, r.type, r.sector
  FROM organization_record r WHERE r.organization = o.key AND r.source = 'personne_activite' LIMIT 1) p ON true
CROSS JOIN LATERAL (
  SELECT ARRAY(SELECT DISTINCT x FROM unnest(f.national_ids || p.national_ids) x ORDER BY x) AS national_ids,
         ARRAY(SELECT DISTINCT x FROM unnest(f.technical_ids || p.technical_ids) x ORDER BY x) AS technical_ids) n;

CREATE OR REPLACE VIEW published_practitioner AS
SELECT i.national_id AS key,
  '{"civility":' || coded('civility', i.civility) || ',"family":' || json_text(i.family) || ',"given":' || json_text(i.given)
  || ',"mailboxes":[' || m.mailboxes || '],"national_id":' || json_text(i.national_id)
  || ',"profession":' || coded('profession', i.profession) || ',"roles":[' || r.roles || '],"rpps":' || json_text(i.rpps)
  || ',"specialties":' || i.specialties || ',"title":' || label('title', i.title) || '}' AS body,
  i.rpps, i.family, i.given, r.professions, q.specialties, r.departments, r.postal_codes, r.cities, r.organizations,
  m.mailboxes <> '' AS has_mailbox
FROM practitioner_identity i
CROSS JOIN LATERAL (
  SELECT coalesce(string_agg('{"address":' || json_text(v.address) || ',"dematerialization":' || coalesce(v.dematerialization::text, 'null')
      || ',"description":' || json_text(v.description) || ',"organizations":' || v.organizations
      || ',"rank":' || coalesce(v.rank::text, 'null') || ',"service":' || json_text(v.service) || ',"type":' || json_text(v.type) || '}',
      ',' ORDER BY v.rank NULLS LAST, v.address), '') AS mailboxes
  FROM (SELECT a.address, a.rank, a.service, a.description, a.dematerialization, a.type,
               array_to_json(array_remove(array_agg(a.organization ORDER BY a.organization), NULL)) AS organizations
        FROM visible_attachment a WHERE a.practitioner = i.national_id
        GROUP BY a.address, a.rank, a.service, a.description, a.dematerialization, a.type) v) m
CROSS JOIN LATERAL (
  SELECT coalesce(string_agg('{"category":' || coded('category', x.category) || ',"kind":' || coded('activity_kind', x.kind)
      || ',"mode":' || coded('mode', x.mode) || ',"organization":' || coalesce(o.summary, 'null')
      || ',"place":' || coalesce(o.place, 'null') || ',"profession":' || coded('profession', x.profession)
      || ',"role":' || coded('role', x.role) || ',"sector":' || coded('sector', x.sector)
      || ',"skills":[' || coalesce((SELECT string_agg(json_text(s.skill), ',' ORDER BY s.skill_type, s.skill) FROM shown_skill s
            WHERE s.practitioner = x.practitioner AND s.profession = x.profession AND s.category = x.category), '') || ']}',
      ',' ORDER BY category_rank(x.category), x.category, x.profession, x.organization, x.id), '') AS roles,
    coalesce(array_agg(DISTINCT x.profession), '{}') AS professions,
    coalesce(array_agg(DISTINCT o.department) FILTER (WHERE o.department IS NOT NULL), '{}') AS departments,
    coalesce(array_agg(DISTINCT o.postal_code) FILTER (WHERE o.postal_code IS NOT NULL), '{}') AS postal_codes,
    coalesce(array_agg(DISTINCT name_key(o.city)) FILTER (WHERE o.city IS NOT NULL), '{}') AS cities,
    coalesce(array_agg(DISTINCT x.organization) FILTER (WHERE x.organization IS NOT NULL), '{}') AS organizations
  FROM practitioner_role x
  LEFT JOIN LATERAL (SELECT * FROM organization_summary y WHERE y.organization = x.organization OFFSET 0) o ON true
  WHERE x.practitioner = i.national_id) r
CROSS JOIN LATERAL (SELECT ARRAY(
  -- Those that the document shows, no more: a skill of a practice that is not (yet) there changes no document.
  SELECT DISTINCT s.skill FROM shown_skill s
  WHERE s.practitioner = i.national_id
    AND ((s.profession = i.profession AND s.category = i.category)
      OR (SELECT true FROM practitioner_role x
          WHERE x.practitioner = s.practitioner AND x.profession = s.profession AND x.category = s.category LIMIT 1))) AS specialties) q;

DROP FUNCTION published_text(text, timestamptz, bigint);
DROP FUNCTION plain_key(text);
DROP FUNCTION uncoded(text);
