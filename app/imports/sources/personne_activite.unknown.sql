-- Columns that the file lacks are unknown, not empty: what the registry holds of them is taken over into the new state.
SELECT keep_unknown('new_practitioner', 'practitioner', $$kept.national_id = fresh.national_id AND kept.register_state = 'active'$$,
  ARRAY(SELECT field FROM stage_missing WHERE field = 'civility'));
SELECT keep_unknown('new_practice', 'practice',
  'kept.practitioner = fresh.practitioner AND kept.profession = fresh.profession AND kept.category = fresh.category',
  ARRAY(SELECT field FROM stage_missing WHERE field IN ('title', 'given')));

SELECT keep_unknown('new_organization_record', 'organization_record', $$kept.organization = fresh.organization AND kept.source = 'personne_activite'$$,
  ARRAY(SELECT field FROM stage_missing WHERE field IN ('siren', 'name', 'trade_name', 'sector', 'recipient', 'building', 'number',
          'repetition', 'street_type', 'street', 'distribution', 'line6', 'postal_code', 'commune', 'country')
        UNION SELECT unnest(ARRAY['kind', 'parent']) FROM stage_missing WHERE field = 'finess_legal'));
-- A town that was derived from a missing column stays only while the rest of the address does.
SELECT keep_unknown('new_organization_record', 'organization_record', $$kept.organization = fresh.organization AND kept.source = 'personne_activite'
    AND (kept.line6, kept.postal_code, kept.commune) IS NOT DISTINCT FROM (fresh.line6, fresh.postal_code, fresh.commune)$$,
  ARRAY(SELECT 'city' FROM stage_missing WHERE field IN ('city', 'line6')
        UNION SELECT 'department' FROM stage_missing WHERE field IN ('commune', 'postal_code', 'country', 'country_code')));

-- Role, kind and sector are part of a role's key: a row without these columns stands for every role of the registry that agrees
-- with it on the rest. The key itself proves the structure.
CREATE UNLOGGED TABLE kept_role AS
SELECT n.id AS known, k.id, n.organization, n.practitioner, n.profession, n.category, n.structure, n.mode, k.sector, k.role, k.kind,
  n.pharmacist_section, n.authority, n.phone, n.phone_2, n.fax, n.email
FROM new_practitioner_role n
JOIN practitioner_role k ON k.practitioner = n.practitioner AND k.profession = n.profession AND k.category = n.category
CROSS JOIN (SELECT bool_or(field = 'sector') AS sector, bool_or(field = 'role') AS role, bool_or(field = 'kind') AS kind
            FROM stage_missing) missing
WHERE (SELECT count(*) FROM stage_missing WHERE field IN ('sector', 'role', 'kind')) > 0
  AND k.id = role_key(n.practitioner, n.profession, n.category, n.mode, n.structure, CASE WHEN missing.role THEN k.role ELSE n.role END,
                      CASE WHEN missing.kind THEN k.kind ELSE n.kind END, CASE WHEN missing.sector THEN k.sector ELSE n.sector END);
DELETE FROM new_practitioner_role n USING kept_role k WHERE k.known = n.id;
INSERT INTO new_practitioner_role (id, organization, practitioner, profession, category, structure, mode, sector, role, kind,
  pharmacist_section, authority, phone, phone_2, fax, email)
SELECT id, organization, practitioner, profession, category, structure, mode, sector, role, kind, pharmacist_section, authority, phone,
  phone_2, fax, email FROM kept_role;
SELECT keep_unknown('new_practitioner_role', 'practitioner_role', 'kept.id = fresh.id',
  ARRAY(SELECT field FROM stage_missing WHERE field IN ('pharmacist_section', 'authority', 'phone', 'phone_2', 'fax', 'email')));
