-- The rule of what the world may see: which mailboxes are visible, and the documents of every kind as canonical JSON.
-- Keys stand in the order of RFC 8785 (sorted), numbers are integers: the text itself is canonical.
-- LATERAL with LIMIT or OFFSET 0 forces look-ups by key: publish() keeps its plan from an empty directory to a full one, and
-- a plan made for empty tables would scan them for every id later.

CREATE FUNCTION refresh_labels() RETURNS trigger
LANGUAGE plpgsql AS $$ BEGIN
  WITH wanted AS (
    SELECT DISTINCT ON (value_set, code) value_set, code, label
    FROM (SELECT b.value_set, c.code, c.label, b.priority FROM code_binding b JOIN code c ON c.system = b.system
          UNION ALL
          SELECT f.value_set, f.code, min(f.label COLLATE "C"), 1000 FROM file_label f GROUP BY f.value_set, f.code) known
    ORDER BY value_set, code, priority
  ),
  gone AS (
    DELETE FROM code_label l WHERE NOT EXISTS (SELECT FROM wanted w WHERE w.value_set = l.value_set AND w.code = l.code)
    RETURNING l.value_set, l.code
  ),
  written AS (
    INSERT INTO code_label AS l (value_set, code, label, coded)
    SELECT w.value_set, w.code, w.label, '{"code":' || json_text(w.code) || ',"label":' || json_text(w.label) || '}' FROM wanted w
    ON CONFLICT (value_set, code) DO UPDATE SET label = excluded.label, coded = excluded.coded WHERE l.label <> excluded.label
    RETURNING l.value_set, l.code
  )
  INSERT INTO pending (kind, key)
  SELECT 'code/' || value_set, code FROM gone UNION ALL SELECT 'code/' || value_set, code FROM written;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION refresh_labels IS 'Keeps code_label in step with codes, bindings and file labels, and marks every code whose label changed.';

CREATE TRIGGER refresh_labels AFTER INSERT OR UPDATE OR DELETE ON code FOR EACH STATEMENT EXECUTE FUNCTION refresh_labels();
CREATE TRIGGER refresh_labels AFTER INSERT OR UPDATE OR DELETE ON code_binding FOR EACH STATEMENT EXECUTE FUNCTION refresh_labels();
CREATE TRIGGER refresh_labels AFTER INSERT OR UPDATE OR DELETE ON file_label FOR EACH STATEMENT EXECUTE FUNCTION refresh_labels();

CREATE FUNCTION coded(asked_set text, asked_code text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$ BEGIN
  IF asked_code IS NULL OR asked_code = '' THEN
    RETURN 'null';
  END IF;
  RETURN coalesce((SELECT l.coded FROM code_label l WHERE l.value_set = asked_set AND l.code = asked_code),
                  '{"code":' || to_json(asked_code)::text || ',"label":null}');
END $$;
COMMENT ON FUNCTION coded IS 'Canonical JSON {code, label} of a code of a value set, or null.';

CREATE FUNCTION label(asked_set text, asked_code text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$ BEGIN
  IF asked_code IS NULL THEN
    RETURN 'null';
  END IF;
  RETURN coalesce((SELECT to_json(l.label)::text FROM code_label l WHERE l.value_set = asked_set AND l.code = asked_code), 'null');
END $$;
COMMENT ON FUNCTION label IS 'The label of a code of a value set as a JSON string, or null.';

CREATE VIEW shown_skill AS
SELECT s.practitioner, s.profession, s.category, s.skill_type, s.skill
FROM skill s
WHERE s.source = CASE WHEN (SELECT loaded FROM source WHERE name = 'savoir_faire') THEN 'savoir_faire' ELSE 'personne_activite' END;
COMMENT ON VIEW shown_skill IS 'Skills from their own file once it was loaded, before that from the persons'' file (never both).';

CREATE VIEW visible_attachment AS
SELECT a.*, m.type, m.domain, m.service, m.description, m.rank, m.dematerialization, m.operator
FROM mailbox_attachment a CROSS JOIN LATERAL (SELECT * FROM mailbox x WHERE x.address = a.address LIMIT 1) m
WHERE m.state = 'active'
  AND NOT m.unlisted
  -- A scalar subquery, since EXISTS may be planned as a hash of all domains, built anew by every publish().
  AND ((SELECT true FROM domain d WHERE d.name = m.domain LIMIT 1) IS TRUE
       OR NOT coalesce((SELECT loaded FROM source WHERE name = 'liste_blanche'), false))
  AND (SELECT p.register_state FROM practitioner p WHERE p.national_id = a.practitioner LIMIT 1) IS DISTINCT FROM 'closed';
COMMENT ON VIEW visible_attachment IS 'Holders of the mailboxes that may be seen: active, not on the red list, in a listed domain, holder not struck off.';

CREATE VIEW organization_summary AS
SELECT o.key AS organization,
  '{"finess":' || json_text(coalesce(organization_finess(o.key), f.finess, p.finess)) || ',"id":' || json_text(o.key)
  || ',"name":' || json_text(coalesce(f.name, p.name)) || ',"siret":' || json_text(coalesce(organization_siret(o.key), f.siret, p.siret))
  || ',"trade_name":' || json_text(coalesce(f.trade_name, p.trade_name)) || '}' AS summary,
  place(w.recipient, w.building, w.number, w.repetition, w.street_type, w.street, w.distribution,
                 w.postal_code, w.city, w.department, w.country) AS place,
  w.postal_code, w.city, w.department
FROM organization o
LEFT JOIN LATERAL (SELECT * FROM organization_record r WHERE r.organization = o.key AND r.source = 'finess' LIMIT 1) f ON true
LEFT JOIN LATERAL (SELECT * FROM organization_record r WHERE r.organization = o.key AND r.source = 'personne_activite' LIMIT 1) p ON true
CROSS JOIN LATERAL (
  -- The whole address from one source: lines of one and a town of another would make a third place.
  SELECT r.* FROM organization_record r
  WHERE r.organization = o.key AND r.source IN ('finess', 'personne_activite')
  ORDER BY (r.city IS NULL AND r.postal_code IS NULL), r.source LIMIT 1) w;
COMMENT ON VIEW organization_summary IS 'A structure as other documents show it, from the registers alone: FINESS first, then the persons'' file.';

CREATE VIEW practitioner_identity AS
SELECT p.national_id, p.rpps, p.civility, n.profession, n.category, n.title, n.family, n.given,
  coalesce((SELECT '[' || string_agg('{"code":' || json_text(s.skill) || ',"label":' || label('skill', s.skill)
        || ',"type":' || json_text(s.skill_type) || '}', ',' ORDER BY s.skill_type, s.skill) || ']'
    FROM shown_skill s WHERE s.practitioner = p.national_id AND s.profession = n.profession AND s.category = n.category), '[]') AS specialties
FROM practitioner p
CROSS JOIN LATERAL (SELECT * FROM practice x WHERE x.practitioner = p.national_id
                    ORDER BY category_rank(x.category), x.category, x.profession LIMIT 1) n
WHERE p.register_state = 'active';
COMMENT ON VIEW practitioner_identity IS 'A registered person under the public name: that of the practice with the lowest (category, profession).';

CREATE VIEW published_mailbox AS
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
COMMENT ON VIEW published_mailbox IS 'The public document of every visible mailbox; the principal holder is the lowest (national id, structure id).';

CREATE VIEW published_organization AS
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
LEFT JOIN LATERAL (SELECT * FROM organization_record r WHERE r.organization = o.key AND r.source = 'finess' LIMIT 1) f ON true
LEFT JOIN LATERAL (SELECT * FROM organization_record r WHERE r.organization = o.key AND r.source = 'personne_activite' LIMIT 1) p ON true
CROSS JOIN LATERAL (
  SELECT ARRAY(SELECT DISTINCT x FROM unnest(f.national_ids || p.national_ids) x ORDER BY x) AS national_ids,
         ARRAY(SELECT DISTINCT x FROM unnest(f.technical_ids || p.technical_ids) x ORDER BY x) AS technical_ids) n;
COMMENT ON VIEW published_organization IS 'The public document of every structure that a register asserts.';

CREATE VIEW published_practitioner AS
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
COMMENT ON VIEW published_practitioner IS 'The public document of every person that the register asserts, with the visible mailboxes, preferred first.';

CREATE VIEW own_mailbox AS
SELECT m.address, m.operator, m.unlisted AS liste_rouge, m.responsible, m.state, m.type, m.domain, m.service, m.description, m.rank, m.dematerialization
FROM mailbox m;
COMMENT ON VIEW own_mailbox IS 'The owner''s view, the one named exception: for the mailbox''s own operator and admins alone.';

CREATE VIEW code_use AS
SELECT 'profession'::text AS value_set, profession AS code, practitioner, NULL::text AS organization, NULL::text AS address FROM practice
UNION ALL SELECT 'category', category, practitioner, NULL, NULL FROM practice
UNION ALL SELECT 'title', title, practitioner, NULL, NULL FROM practice
UNION ALL SELECT 'civility', civility, national_id, NULL, NULL FROM practitioner
UNION ALL SELECT 'skill', skill, practitioner, NULL, NULL FROM skill
UNION ALL SELECT 'mode', mode, practitioner, NULL, NULL FROM practitioner_role
UNION ALL SELECT 'sector', sector, practitioner, NULL, NULL FROM practitioner_role
UNION ALL SELECT 'role', role, practitioner, NULL, NULL FROM practitioner_role
UNION ALL SELECT 'activity_kind', kind, practitioner, NULL, NULL FROM practitioner_role
UNION ALL SELECT 'sector', sector, NULL, organization, NULL FROM organization_record
UNION ALL SELECT 'organization_type', type, NULL, organization, NULL FROM organization_record
UNION ALL SELECT 'profession', profession, NULL, NULL, address FROM mailbox_attachment
UNION ALL SELECT 'title', title, NULL, NULL, address FROM mailbox_attachment
UNION ALL SELECT 'skill', skill, NULL, NULL, address FROM mailbox_attachment;
COMMENT ON VIEW code_use IS 'Every place where a document shows the label of a code.';

CREATE VIEW near_dependent AS
SELECT 'practitioner'::text AS kind, a.practitioner AS key, 'mailbox'::text AS to_kind, a.address AS to_key FROM mailbox_attachment a WHERE a.practitioner IS NOT NULL
UNION ALL
SELECT 'mailbox', a.address, 'practitioner', a.practitioner FROM mailbox_attachment a WHERE a.practitioner IS NOT NULL
UNION ALL
SELECT 'organization', a.organization, 'mailbox', a.address FROM mailbox_attachment a WHERE a.organization IS NOT NULL
UNION ALL
SELECT 'organization', r.organization, 'practitioner', r.practitioner FROM practitioner_role r WHERE r.organization IS NOT NULL;
COMMENT ON VIEW near_dependent IS 'Dependents among the published kinds: the part of dependent that every publish() needs.';

CREATE VIEW dependent AS
SELECT n.kind, n.key, n.to_kind, n.to_key FROM near_dependent n
UNION ALL
SELECT 'domain', m.domain, 'mailbox', m.address FROM mailbox m
UNION ALL
SELECT 'domain', m.domain, 'practitioner', a.practitioner FROM mailbox m JOIN mailbox_attachment a ON a.address = m.address WHERE a.practitioner IS NOT NULL
UNION ALL
SELECT 'operator', c.operator, 'mailbox', m.address FROM operator_certificate c JOIN domain d ON d.certificate = c.dn JOIN mailbox m ON m.domain = d.name
UNION ALL
SELECT 'source', 'liste_blanche', 'mailbox', m.address FROM mailbox m
UNION ALL
SELECT 'source', 'liste_blanche', 'practitioner', a.practitioner FROM mailbox_attachment a WHERE a.practitioner IS NOT NULL
UNION ALL
SELECT 'source', 'savoir_faire', 'practitioner', s.practitioner FROM skill s
UNION ALL
SELECT 'source', 'savoir_faire', 'mailbox', a.address FROM skill s JOIN mailbox_attachment a ON a.practitioner = s.practitioner
UNION ALL
SELECT 'code/' || u.value_set, u.code, 'practitioner', u.practitioner FROM code_use u WHERE u.practitioner IS NOT NULL
UNION ALL
SELECT 'code/' || u.value_set, u.code, 'organization', u.organization FROM code_use u WHERE u.organization IS NOT NULL
UNION ALL
SELECT 'code/' || u.value_set, u.code, 'mailbox', u.address FROM code_use u WHERE u.address IS NOT NULL
UNION ALL
SELECT 'code/' || u.value_set, u.code, 'mailbox', a.address FROM code_use u JOIN mailbox_attachment a ON a.practitioner = u.practitioner;
COMMENT ON VIEW dependent IS 'Whose document shows something of what changed: (kind, key) to (kind, key). publish() expands it after the lock.';
