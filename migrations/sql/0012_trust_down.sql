-- The views as 0002 and 0010 made them.

CREATE OR REPLACE VIEW visible_attachment AS
SELECT a.id, a.address, a.practitioner, a.organization, a.title, a.family, a.given, a.category, a.profession, a.skill, a.organization_name,
  a.trade_name, a.recipient, a.building, a.number, a.repetition, a.street_type, a.street, a.distribution, a.line6, a.postal_code, a.city,
  a.department, a.country, m.type, m.domain, m.service, m.description, m.rank, m.dematerialization, m.operator
FROM mailbox_attachment a
CROSS JOIN LATERAL (
  SELECT x.type, x.domain, x.service, x.description, x.rank, x.dematerialization, x.operator, x.state, x.unlisted
  FROM mailbox x WHERE x.address = a.address LIMIT 1) m
WHERE m.state = 'active'
  AND NOT m.unlisted
  -- A scalar subquery, since EXISTS may be planned as a hash of all domains, built anew by every publish().
  AND ((SELECT true FROM domain d WHERE d.name = m.domain LIMIT 1) IS TRUE
       OR NOT coalesce((SELECT loaded FROM source WHERE name = 'liste_blanche'), false))
  AND (SELECT p.register_state FROM practitioner p WHERE p.national_id = a.practitioner LIMIT 1) IS DISTINCT FROM 'closed';
COMMENT ON VIEW visible_attachment IS 'Holders of the mailboxes that may be seen: active, not on the red list, in a listed domain, holder not struck off.';

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

CREATE OR REPLACE VIEW dependent AS
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

DROP INDEX ix_mailbox_operator;
DROP VIEW domain_owner;
DELETE FROM import_guard WHERE source = 'liste_blanche' AND name IN ('shrink', 'unlisted_mailboxes');
ALTER TABLE import_run DROP COLUMN effective_at;
DROP TRIGGER number_trust ON domain;
DROP TRIGGER number_trust ON operator_certificate;
DROP TRIGGER number_trust ON operator;
DROP FUNCTION number_trust();
DROP TABLE trust_edition;
DROP TRIGGER tell_domain_removed ON domain;
DROP FUNCTION tell_domain_removed();
DROP TRIGGER tell_state ON operator;
DROP FUNCTION tell_state();
DROP FUNCTION publishing_fault(text);
DROP FUNCTION conformity_waiver(text);
DROP VIEW conformity_piece;
DROP FUNCTION french_today();
DROP TABLE conformity_exception;
DROP TABLE conformity_document;
ALTER TABLE operator_certificate DROP COLUMN expires_at;
ALTER TABLE operator DROP COLUMN source, DROP COLUMN state_reason, DROP COLUMN state_since;
