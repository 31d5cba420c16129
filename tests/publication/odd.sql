-- Registry rows as no file writes them: every field missing, empty, unknown, quoted or accented, in every combination of sources.
SELECT setseed(0.42);
CREATE FUNCTION pg_temp.words(share float) RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT CASE WHEN random() < share THEN (ARRAY['', 'RUE', 'SAINT-MARTIN', 'Élise "x"', 'A\B', 'ab  cd', ' pad ', 'ŒUVRE', 'x', 'BÂT 3', '12',
    E'tab\tx', 'CH DE X', 'straße'])[1 + floor(random() * 14)::int] END $$;
CREATE FUNCTION pg_temp.one(share float, VARIADIC choice text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT CASE WHEN random() < share THEN choice[1 + floor(random() * cardinality(choice))::int] END $$;

INSERT INTO organization (key)
SELECT pg_temp.one(1, '199' || lpad(i::text, 7, '0'), '3999999999' || lpad(i::text, 5, '0'), 'R9' || i, '199A' || i) FROM generate_series(100, 499) i;
INSERT INTO organization_record (organization, source, kind, finess, siret, siren, parent, national_ids, technical_ids, name, long_name, trade_name,
  type, sector, recipient, building, number, repetition, street_type, street, distribution, postal_code, city, department, country)
SELECT o.key, s, pg_temp.one(1, 'LEGAL_ENTITY', 'GEOGRAPHICAL_ENTITY'), pg_temp.one(.5, '990000010', '99A000010'),
  pg_temp.one(.5, '00000001800010', '00000001800028'), pg_temp.one(.3, '000000018'), pg_temp.one(.4, '990000028'),
  CASE WHEN random() < .3 THEN '{}'::text[] WHEN random() < .5 THEN ARRAY['1990000010'] ELSE ARRAY['2b', '1a', '2b'] END,
  CASE WHEN random() < .5 THEN '{}'::text[] ELSE ARRAY['F1', 'C3', 'F1'] END, pg_temp.words(.5), pg_temp.words(.5), pg_temp.words(.5),
  pg_temp.one(.8, '355', '354', '999X', ''), pg_temp.one(.8, 'SA01', 'SA07', 'ZZ', ''), pg_temp.words(.5), pg_temp.words(.5), pg_temp.words(.5),
  pg_temp.words(.5), pg_temp.words(.5), pg_temp.words(.5), pg_temp.words(.5), pg_temp.one(.5, '75001', '25000', ''), pg_temp.words(.5),
  pg_temp.one(.5, '75', '2A'), pg_temp.words(.5)
FROM organization o CROSS JOIN unnest(ARRAY['finess', 'personne_activite', 'delta', 'api']) s WHERE random() < .45 ON CONFLICT DO NOTHING;
INSERT INTO practitioner (national_id, rpps, civility, register_state)
SELECT '8777' || lpad(i::text, 8, '0'), pg_temp.one(.8, '777' || lpad(i::text, 8, '0')), pg_temp.one(.8, 'M', 'MME', 'XX', ''),
  pg_temp.one(1, 'active', 'active', 'active', 'closed', 'unknown')
FROM generate_series(1, 400) i;
INSERT INTO practice (practitioner, profession, category, title, family, given)
SELECT p.national_id, x, c, pg_temp.one(.5, 'DR', 'PR', 'ZZ', ''), coalesce(pg_temp.words(1), 'N'), pg_temp.words(.8)
FROM practitioner p CROSS JOIN unnest(ARRAY['10', '21', '60', 'ZZ']) x CROSS JOIN unnest(ARRAY['C', 'M', 'E', 'Z']) c
WHERE p.national_id LIKE '8777%' AND random() < .12;
INSERT INTO skill (practitioner, profession, category, skill_type, skill, source)
SELECT x.practitioner, pg_temp.one(1, x.profession, '10'), x.category, t, k, pg_temp.one(1, 'savoir_faire', 'personne_activite')
FROM practice x CROSS JOIN unnest(ARRAY['S', 'CAPA', 'FQ']) t CROSS JOIN unnest(ARRAY['SM53', 'CAPA06', 'ZZZ', 'SM26']) k
WHERE x.practitioner LIKE '8777%' AND random() < .12 ON CONFLICT DO NOTHING;
INSERT INTO practitioner_role (id, practitioner, profession, category, organization, mode, sector, role, kind)
SELECT 'odd' || row_number() OVER (), x.practitioner, x.profession, x.category,
  CASE WHEN random() < .8 THEN (ARRAY(SELECT key FROM organization ORDER BY key))[1 + floor(random() * 400)::int] END,
  pg_temp.one(.8, 'S', 'L', 'ZZ', ''), pg_temp.one(.8, 'SA01', 'SA07', 'ZZ'), pg_temp.one(.3, 'FON-01', 'FON-AU', 'FON-02'), pg_temp.one(.5, 'GENR01', 'ZZ', '')
FROM practice x CROSS JOIN generate_series(1, 4) WHERE x.practitioner LIKE '8777%' AND random() < .5;
INSERT INTO mailbox (address, domain, type, service, description, rank, dematerialization, unlisted, state, operator, source)
SELECT 'odd' || i || '@' || d, d, pg_temp.one(1, 'PER', 'ORG', 'APP', 'CAB'), pg_temp.words(.5), pg_temp.words(.5), nullif(floor(random() * 4)::int, 0),
  CASE WHEN random() < .6 THEN random() < .5 END, random() < .1, pg_temp.one(1, 'active', 'active', 'active', 'suspended', 'withdrawn'),
  pg_temp.one(.2, '1990000010'), 'api'
FROM (SELECT i, pg_temp.one(1, 'ch-exemple.mssante.fr', 'pro-exemple.mssante.fr', 'medecin-exemple.mssante.fr', 'nowhere.mssante.fr') AS d
      FROM generate_series(1, 600) i) m;
INSERT INTO mailbox_attachment (address, practitioner, organization, title, family, given, profession, skill, organization_name, trade_name, recipient,
  building, number, repetition, street_type, street, distribution, postal_code, city, department, country)
SELECT m.address, CASE WHEN random() < .6 THEN '8777' || lpad((1 + floor(random() * 400))::int::text, 8, '0') END,
  CASE WHEN random() < .5 THEN (ARRAY(SELECT key FROM organization ORDER BY key))[1 + floor(random() * 400)::int] END,
  pg_temp.one(.5, 'DR', 'ZZ', ''), pg_temp.words(.5), pg_temp.words(.5), pg_temp.one(.7, '10', '21', 'ZZ', ''), pg_temp.one(.4, 'SM53', 'ZZ', ''),
  pg_temp.words(.3), pg_temp.words(.5), pg_temp.words(.5), pg_temp.words(.5), pg_temp.words(.5), pg_temp.words(.5), pg_temp.words(.5), pg_temp.words(.5),
  pg_temp.words(.5), pg_temp.one(.4, '75001', ''), pg_temp.words(.4), pg_temp.one(.5, '75'), pg_temp.words(.5)
FROM mailbox m CROSS JOIN generate_series(1, 3) WHERE m.address LIKE 'odd%' AND random() < .6 ON CONFLICT DO NOTHING;
