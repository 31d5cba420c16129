-- The same documents, to the byte, for a fraction of the work: labels joined, groups sorted once, a structure looked up once.
-- Functions of one expression are inlined by the planner. What is joined by a unique key is a plain LEFT JOIN; what is
-- grouped stays LATERAL, so that publish() keeps its look-ups by key (ADR 0009).

CREATE OR REPLACE FUNCTION place(
  recipient text, building text, number text, repetition text, street_type text, street text, distribution text,
  postal_code text, city text, department text, country text)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN postal_code IS NULL AND city IS NULL
      AND concat(recipient, building, number, repetition, street_type, street, distribution) = '' THEN 'null'
    ELSE '{"city":' || json_text(city) || ',"country":' || json_text(country) || ',"department":' || json_text(department)
      || ',"lines":[' || substr(concat(
        ',' || to_json(nullif(recipient, ''))::text, ',' || to_json(nullif(building, ''))::text,
        ',' || to_json(nullif(concat_ws(' ', nullif(number, ''), nullif(repetition, ''), nullif(street_type, ''), nullif(street, '')), ''))::text,
        ',' || to_json(nullif(distribution, ''))::text), 2)
      || '],"postal_code":' || json_text(postal_code) || '}' END
$$;

CREATE OR REPLACE FUNCTION organization_finess(key text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN octet_length(key) = 10 AND key ~ '^1[0-9][0-9AB][0-9]{7}$' THEN substr(key, 2) END $$;

CREATE OR REPLACE FUNCTION organization_siret(key text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN octet_length(key) = 15 AND key ~ '^3[0-9]{14}$' THEN substr(key, 2) END $$;

CREATE FUNCTION any_name_key(name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$ BEGIN
  -- Accents before case: lower() under the C collation leaves accented capitals as they are.
  RETURN trim(regexp_replace(
    lower(public.unaccent('public.unaccent'::regdictionary, normalize(name, NFKC))), '[^a-z0-9]+', ' ', 'g'));
END $$;
COMMENT ON FUNCTION any_name_key IS 'name_key() for a name with other than ASCII letters, digits and single spaces.';

CREATE OR REPLACE FUNCTION name_key(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN translate(lower(name COLLATE "C"), 'eairnsltoudcmpgvbhfqyxjkzw 0123456789', '') = '' AND strpos(name, '  ') = 0 AND btrim(name) = name
    THEN lower(name COLLATE "C") ELSE any_name_key(name) END
$$;

CREATE FUNCTION document_text(body text, published_at timestamptz, sequence bigint, updated_at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  -- The last brace is cut off as a byte: left() counts the characters, twice.
  SELECT convert_from(substr(convert_to(body, 'UTF8'), 1, octet_length(body) - 1), 'UTF8')
    || ',"published_at":"' || utc_text(published_at) || '","sequence":' || sequence || ',"updated_at":"' || utc_text(updated_at) || '"}'
$$;
COMMENT ON FUNCTION document_text IS 'The document that is served: the body and what differs between installs.';

CREATE OR REPLACE FUNCTION published_text(body text, at timestamptz, sequence bigint) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT document_text(body, at, sequence, at) $$;

CREATE FUNCTION coded_by(code text, known text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN code <> '' THEN coalesce(known, '{"code":' || to_json(code)::text || ',"label":null}') ELSE 'null' END
$$;
COMMENT ON FUNCTION coded_by IS 'Canonical JSON {code, label} of a code, with what code_label.coded knows of it; or null.';

CREATE FUNCTION sorted_set(given text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
  RETURN ARRAY(SELECT DISTINCT each COLLATE "C" FROM unnest(given) each ORDER BY 1);
END $$;
COMMENT ON FUNCTION sorted_set IS 'The elements of an array, each once, in the order of their bytes.';

CREATE FUNCTION as_set(given text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN cardinality(given) > 1 THEN sorted_set(given) ELSE coalesce(given, '{}') END $$;
COMMENT ON FUNCTION as_set IS 'sorted_set() without its price for an array of at most one element; an empty one for null.';

CREATE VIEW organization_stated AS
SELECT m.organization AS key, c.finess, c.siret,
  coalesce(m.kind, f.kind, p.kind) AS kind, coalesce(m.long_name, f.long_name, p.long_name) AS long_name,
  coalesce(m.name, f.name, p.name) AS name, coalesce(m.trade_name, f.trade_name, p.trade_name) AS trade_name,
  coalesce(m.parent, f.parent, p.parent) AS parent,
  CASE WHEN m.source = 'finess' THEN coalesce(p.sector, m.sector) ELSE coalesce(m.sector, p.sector, f.sector) END AS sector,
  coalesce(m.siren, f.siren, p.siren, left(c.siret, 9)) AS siren, coalesce(m.type, f.type, p.type) AS type,
  m.national_ids || f.national_ids || p.national_ids AS national_ids, m.technical_ids || f.technical_ids || p.technical_ids AS technical_ids,
  CASE c.located
    WHEN 'f' THEN place(f.recipient, f.building, f.number, f.repetition, f.street_type, f.street, f.distribution, f.postal_code, f.city, f.department, f.country)
    WHEN 'p' THEN place(p.recipient, p.building, p.number, p.repetition, p.street_type, p.street, p.distribution, p.postal_code, p.city, p.department, p.country)
    ELSE place(m.recipient, m.building, m.number, m.repetition, m.street_type, m.street, m.distribution, m.postal_code, m.city, m.department, m.country)
  END AS place,
  CASE c.located WHEN 'f' THEN f.postal_code WHEN 'p' THEN p.postal_code ELSE m.postal_code END AS postal_code,
  CASE c.located WHEN 'f' THEN f.city WHEN 'p' THEN p.city ELSE m.city END AS city,
  CASE c.located WHEN 'f' THEN f.department WHEN 'p' THEN p.department ELSE m.department END AS department
-- m is the record of the first source, by name, that has one: an administrator's delta, FINESS, the persons' file. Nearly
-- every structure has one record; a look-up for null costs nothing.
FROM (SELECT DISTINCT ON (r.organization) r.* FROM organization_record r
      WHERE r.source IN ('delta', 'finess', 'personne_activite') ORDER BY r.organization, r.source) m
LEFT JOIN LATERAL (SELECT * FROM organization_record r
  WHERE r.organization = m.organization AND r.source = CASE WHEN m.source = 'delta' THEN 'finess' END LIMIT 1) f ON true
LEFT JOIN LATERAL (SELECT * FROM organization_record r
  WHERE r.organization = m.organization AND r.source = CASE WHEN m.source <> 'personne_activite' THEN 'personne_activite' END LIMIT 1) p ON true
CROSS JOIN LATERAL (
  SELECT coalesce(organization_finess(m.organization), m.finess, f.finess, p.finess) AS finess,
    coalesce(organization_siret(m.organization), m.siret, f.siret, p.siret) AS siret,
    -- The whole address from one source: lines of one and a town of another would make a third place.
    CASE WHEN m.city IS NOT NULL OR m.postal_code IS NOT NULL THEN 'm' WHEN f.city IS NOT NULL OR f.postal_code IS NOT NULL THEN 'f'
         WHEN p.city IS NOT NULL OR p.postal_code IS NOT NULL THEN 'p' ELSE 'm' END AS located
  OFFSET 0) c;
COMMENT ON VIEW organization_stated IS
  'Every structure that a source asserts, each field from an administrator, else FINESS, else the persons'' file; the address from one of them.';

CREATE OR REPLACE VIEW organization_summary AS
SELECT s.key AS organization,
  '{"finess":' || json_text(s.finess) || ',"id":' || json_text(s.key) || ',"name":' || json_text(s.name)
  || ',"siret":' || json_text(s.siret) || ',"trade_name":' || json_text(s.trade_name) || '}' AS summary,
  s.place, s.postal_code, s.city, s.department
FROM organization_stated s;

CREATE OR REPLACE VIEW practitioner_identity AS
SELECT p.national_id, p.rpps, p.civility, n.profession, n.category, n.title, n.family, n.given,
  coalesce((SELECT '[' || string_agg(k.shown, ',') || ']'
    FROM (SELECT '{"code":' || json_text(s.skill) || ',"label":' || json_text(l.label) || ',"type":' || json_text(s.skill_type) || '}' AS shown
          FROM shown_skill s LEFT JOIN code_label l ON l.value_set = 'skill' AND l.code = s.skill
          WHERE s.practitioner = p.national_id AND s.profession = n.profession AND s.category = n.category
          ORDER BY s.skill_type, s.skill) k), '[]') AS specialties
FROM practitioner p
CROSS JOIN LATERAL (SELECT * FROM practice x WHERE x.practitioner = p.national_id
                    ORDER BY category_rank(x.category), x.category, x.profession LIMIT 1) n
WHERE p.register_state = 'active';

CREATE OR REPLACE VIEW published_mailbox AS
SELECT h.address AS key,
  '{"address":' || json_text(h.address) || ',"attachments":[' || h.attachments
  || '],"dematerialization":' || coalesce(h.dematerialization::text, 'null')
  || ',"description":' || json_text(h.description) || ',"domain":' || json_text(h.domain)
  || ',"operator":' || json_text(coalesce(h.operator, (
       SELECT CASE WHEN min(c.operator) = max(c.operator) THEN min(c.operator) END
       FROM domain d JOIN operator_certificate c ON c.dn = d.certificate WHERE d.name = h.domain)))
  || ',"organization":' || h.organization || ',"place":' || h.place
  || ',"practitioner":' || h.practitioner || ',"rank":' || coalesce(h.rank::text, 'null')
  || ',"service":' || json_text(h.service) || ',"type":' || json_text(h.type) || '}' AS body,
  h.domain, h.type, as_set(h.practitioner_keys) AS practitioner_keys, as_set(h.organization_keys) AS organization_keys
FROM (
  SELECT a.address, a.type, a.domain, a.service, a.description, a.rank, a.dematerialization, a.operator,
    string_agg('{"organization":' || a.organization || ',"practitioner":' || a.practitioner || '}', ',') AS attachments,
    (array_agg(a.organization))[1] AS organization, (array_agg(a.practitioner))[1] AS practitioner, (array_agg(a.place))[1] AS place,
    array_agg(a.practitioner_key) FILTER (WHERE a.practitioner_key IS NOT NULL) AS practitioner_keys,
    array_agg(a.organization_key) FILTER (WHERE a.organization_key IS NOT NULL) AS organization_keys
  FROM (
    SELECT v.address, v.type, v.domain, v.service, v.description, v.rank, v.dematerialization, v.operator,
      v.practitioner AS practitioner_key, v.organization AS organization_key,
      CASE WHEN i.national_id IS NOT NULL THEN
        '{"family":' || json_text(i.family) || ',"given":' || json_text(i.given) || ',"national_id":' || json_text(i.national_id)
        || ',"profession":' || coded_by(i.profession, profession.coded) || ',"rpps":' || json_text(i.rpps)
        || ',"specialties":' || i.specialties || ',"title":' || json_text(title.label) || '}'
      WHEN v.practitioner IS NOT NULL OR v.family IS NOT NULL THEN
        '{"family":' || json_text(v.family) || ',"given":' || json_text(v.given) || ',"national_id":' || json_text(v.practitioner)
        || ',"profession":' || coded_by(v.profession, profession.coded)
        || ',"rpps":' || json_text(CASE WHEN v.practitioner ~ '^8[0-9]{11}$' THEN substr(v.practitioner, 2) END)
        || ',"specialties":' || CASE WHEN v.skill IS NULL THEN '[]' ELSE '[{"code":' || json_text(v.skill) || ',"label":' || json_text(skill.label) || ',"type":null}]' END
        || ',"title":' || json_text(title.label) || '}'
      ELSE 'null' END AS practitioner,
      CASE WHEN o.organization IS NOT NULL THEN o.summary
      WHEN v.organization IS NOT NULL OR v.organization_name IS NOT NULL THEN
        '{"finess":' || json_text(organization_finess(v.organization)) || ',"id":' || json_text(v.organization)
        || ',"name":' || json_text(v.organization_name) || ',"siret":' || json_text(organization_siret(v.organization))
        || ',"trade_name":' || json_text(v.trade_name) || '}'
      ELSE 'null' END AS organization,
      CASE WHEN o.place <> 'null' THEN o.place
      ELSE place(v.recipient, v.building, v.number, v.repetition, v.street_type, v.street, v.distribution,
                 v.postal_code, v.city, v.department, v.country) END AS place
    FROM visible_attachment v
    LEFT JOIN LATERAL (SELECT * FROM practitioner_identity x WHERE x.national_id = v.practitioner OFFSET 0) i ON true
    LEFT JOIN LATERAL (SELECT * FROM organization_summary x WHERE x.organization = v.organization OFFSET 0) o ON true
    LEFT JOIN code_label profession ON profession.value_set = 'profession'
      AND profession.code = CASE WHEN i.national_id IS NULL THEN v.profession ELSE i.profession END
    LEFT JOIN code_label title ON title.value_set = 'title' AND title.code = CASE WHEN i.national_id IS NULL THEN v.title ELSE i.title END
    LEFT JOIN code_label skill ON skill.value_set = 'skill' AND skill.code = v.skill
    ORDER BY v.address, v.type, v.domain, v.service, v.description, v.rank, v.dematerialization, v.operator, v.practitioner, v.organization
  ) a
  GROUP BY a.address, a.type, a.domain, a.service, a.description, a.rank, a.dematerialization, a.operator
) h;

CREATE OR REPLACE VIEW published_organization AS
SELECT s.key,
  '{"finess":' || json_text(s.finess) || ',"id":' || json_text(s.key)
  || ',"kind":' || json_text(s.kind) || ',"long_name":' || json_text(s.long_name) || ',"name":' || json_text(s.name)
  || ',"national_ids":' || array_to_json(n.national_ids) || ',"parent":' || json_text(s.parent)
  || ',"place":' || s.place || ',"sector":' || coded_by(s.sector, sector.coded)
  || ',"siren":' || json_text(s.siren) || ',"siret":' || json_text(s.siret)
  || ',"technical_ids":' || array_to_json(n.technical_ids) || ',"trade_name":' || json_text(s.trade_name)
  || ',"type":' || coded_by(s.type, type.coded) || '}' AS body,
  s.name, s.long_name, s.trade_name, s.city, s.postal_code, s.department, s.type, s.parent,
  array_remove(n.national_ids || n.technical_ids || s.finess || s.siret, NULL) AS aliases
FROM organization_stated s
LEFT JOIN code_label sector ON sector.value_set = 'sector' AND sector.code = s.sector
LEFT JOIN code_label type ON type.value_set = 'organization_type' AND type.code = s.type
CROSS JOIN LATERAL (SELECT as_set(s.national_ids) AS national_ids, as_set(s.technical_ids) AS technical_ids OFFSET 0) n;

CREATE OR REPLACE VIEW published_practitioner AS
SELECT i.national_id AS key,
  '{"civility":' || coded_by(i.civility, civility.coded) || ',"family":' || json_text(i.family) || ',"given":' || json_text(i.given)
  || ',"mailboxes":[' || m.mailboxes || '],"national_id":' || json_text(i.national_id)
  || ',"profession":' || coded_by(i.profession, profession.coded) || ',"roles":[' || coalesce(r.roles, '') || '],"rpps":' || json_text(i.rpps)
  || ',"specialties":' || i.specialties || ',"title":' || json_text(title.label) || '}' AS body,
  i.rpps, i.family, i.given, as_set(r.professions) AS professions, q.specialties, as_set(r.departments) AS departments,
  as_set(r.postal_codes) AS postal_codes, as_set(r.cities) AS cities, as_set(r.organizations) AS organizations,
  m.mailboxes <> '' AS has_mailbox
FROM practitioner_identity i
LEFT JOIN code_label civility ON civility.value_set = 'civility' AND civility.code = i.civility
LEFT JOIN code_label profession ON profession.value_set = 'profession' AND profession.code = i.profession
LEFT JOIN code_label title ON title.value_set = 'title' AND title.code = i.title
CROSS JOIN LATERAL (
  SELECT coalesce(string_agg(v.shown, ','), '') AS mailboxes
  FROM (SELECT '{"address":' || json_text(a.address) || ',"dematerialization":' || coalesce(a.dematerialization::text, 'null')
          || ',"description":' || json_text(a.description)
          || ',"organizations":' || array_to_json(array_remove(array_agg(a.organization ORDER BY a.organization), NULL))
          || ',"rank":' || coalesce(a.rank::text, 'null') || ',"service":' || json_text(a.service) || ',"type":' || json_text(a.type) || '}' AS shown
        FROM visible_attachment a WHERE a.practitioner = i.national_id
        GROUP BY a.address, a.rank, a.service, a.description, a.dematerialization, a.type
        ORDER BY a.rank NULLS LAST, a.address) v) m
CROSS JOIN LATERAL (
  SELECT string_agg(x.shown, ',') AS roles, array_agg(x.profession) AS professions,
    array_agg(x.department) FILTER (WHERE x.department IS NOT NULL) AS departments,
    array_agg(x.postal_code) FILTER (WHERE x.postal_code IS NOT NULL) AS postal_codes,
    array_agg(name_key(x.city)) FILTER (WHERE x.city IS NOT NULL) AS cities,
    array_agg(x.organization) FILTER (WHERE x.organization IS NOT NULL) AS organizations
  FROM (
    SELECT '{"category":' || coded_by(x.category, category.coded) || ',"kind":' || coded_by(x.kind, kind.coded)
        || ',"mode":' || coded_by(x.mode, mode.coded) || ',"organization":' || coalesce(o.summary, 'null')
        || ',"place":' || coalesce(o.place, 'null') || ',"profession":' || coded_by(x.profession, profession.coded)
        || ',"role":' || coded_by(x.role, role.coded) || ',"sector":' || coded_by(x.sector, sector.coded)
        || ',"skills":[' || coalesce((
            SELECT string_agg(k.skill, ',')
            FROM (SELECT json_text(s.skill) AS skill FROM shown_skill s
                  WHERE s.practitioner = x.practitioner AND s.profession = x.profession AND s.category = x.category
                  ORDER BY s.skill_type, s.skill) k), '') || ']}' AS shown,
      x.profession, x.organization, o.department, o.postal_code, o.city
    FROM practitioner_role x
    LEFT JOIN LATERAL (SELECT * FROM organization_summary y WHERE y.organization = x.organization OFFSET 0) o ON true
    LEFT JOIN code_label category ON category.value_set = 'category' AND category.code = x.category
    LEFT JOIN code_label kind ON kind.value_set = 'activity_kind' AND kind.code = x.kind
    LEFT JOIN code_label mode ON mode.value_set = 'mode' AND mode.code = x.mode
    LEFT JOIN code_label profession ON profession.value_set = 'profession' AND profession.code = x.profession
    LEFT JOIN code_label role ON role.value_set = 'role' AND role.code = x.role
    LEFT JOIN code_label sector ON sector.value_set = 'sector' AND sector.code = x.sector
    WHERE x.practitioner = i.national_id
    ORDER BY category_rank(x.category), x.category, x.profession, x.organization, x.id) x) r
CROSS JOIN LATERAL (SELECT ARRAY(
  -- Those that the document shows, no more: a skill of a practice that is not (yet) there changes no document.
  SELECT DISTINCT s.skill FROM shown_skill s
  WHERE s.practitioner = i.national_id
    AND ((s.profession = i.profession AND s.category = i.category)
      OR (SELECT true FROM practitioner_role x
          WHERE x.practitioner = s.practitioner AND x.profession = s.profession AND x.category = s.category LIMIT 1))) AS specialties) q;
