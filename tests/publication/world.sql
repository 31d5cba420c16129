-- A small world of invented people and places in which every kind of link between documents occurs at least once.
INSERT INTO operator (id, name) VALUES ('1990000010', 'GIP EXEMPLE'), ('300000001800010', 'SOCIÉTÉ ESSAI');
INSERT INTO operator_certificate (dn, operator, listed_as) VALUES
  ('C=FR,CN=bal.exemple,OU=1990000010', '1990000010', 'CN=bal.exemple,OU=1990000010,C=FR'),
  ('C=FR,CN=essai,OU=300000001800010', '300000001800010', 'CN=essai,OU=300000001800010,C=FR');
INSERT INTO domain (name, certificate, source) VALUES
  ('ch-exemple.mssante.fr', 'C=FR,CN=bal.exemple,OU=1990000010', 'liste_blanche'),
  ('medecin-exemple.mssante.fr', 'C=FR,CN=essai,OU=300000001800010', 'liste_blanche'),
  ('pro-exemple.mssante.fr', 'C=FR,CN=bal.exemple,OU=1990000010', 'liste_blanche'),
  ('pro-exemple.mssante.fr', 'C=FR,CN=essai,OU=300000001800010', 'liste_blanche');
UPDATE source SET loaded = true WHERE name = 'liste_blanche';
INSERT INTO practitioner (national_id, rpps, civility, register_state) VALUES
  ('899900000060', '99900000060', 'MME', 'active'), ('899900000078', '99900000078', 'M', 'active'),
  ('899900000086', '99900000086', 'M', 'active'), ('899900000094', '99900000094', NULL, 'unknown');
INSERT INTO practice (practitioner, profession, category, title, family, given) VALUES
  ('899900000060', '10', 'C', 'DR', 'EXEMPLE', 'Anne-Élise'), ('899900000060', '40', 'M', NULL, 'EXEMPLE', 'Anne'),
  ('899900000078', '60', 'C', NULL, 'D''ESSAI', 'Jean "Jo" \ Noël'), ('899900000086', '70', 'C', NULL, 'SPECIMEN', 'Bastien');
INSERT INTO skill (practitioner, profession, category, skill_type, skill, source) VALUES
  ('899900000060', '10', 'C', 'S', 'SM53', 'personne_activite'), ('899900000060', '10', 'C', 'CAPA', 'CAPA06', 'savoir_faire');
INSERT INTO organization (key) VALUES ('1990000010'), ('300000001800028'), ('R99990000000001'), ('1990000028');
INSERT INTO organization_record (organization, source, kind, finess, siret, name, trade_name, type, sector, parent, number, street,
                                 postal_code, city, department, country, national_ids, technical_ids) VALUES
  ('1990000010', 'finess', 'GEOGRAPHICAL_ENTITY', '990000010', '00000001800010', 'CH EXEMPLE', NULL, '355', NULL, '990000028', '1', 'DES ESSAIS',
   '25000', 'BESANCON', '25', 'France', '{1990000010}', '{F990000010}'),
  ('1990000010', 'personne_activite', 'GEOGRAPHICAL_ENTITY', '990000010', NULL, 'CENTRE EXEMPLE', 'EXEMPLE', NULL, 'SA01', '990000028', NULL, NULL,
   NULL, NULL, NULL, NULL, '{1990000010}', '{F990000010}'),
  ('300000001800028', 'personne_activite', 'GEOGRAPHICAL_ENTITY', NULL, '00000001800028', 'LABO ESSAI', NULL, NULL, 'SA25', NULL, '9', 'DE L EXEMPLE',
   '97150', 'Saint-Martin', '978', 'France', '{300000001800028}', '{C00000001800028}'),
  ('R99990000000001', 'personne_activite', 'GEOGRAPHICAL_ENTITY', NULL, NULL, 'CABINET', NULL, NULL, 'SA07', NULL, NULL, NULL,
   '01440', 'VIRIAT', '01', 'France', '{}', '{R99990000000001}');
INSERT INTO practitioner_role (id, practitioner, profession, category, organization, mode, sector, kind) VALUES
  ('a', '899900000060', '10', 'C', '1990000010', 'S', 'SA01', 'GENR01'), ('b', '899900000060', '40', 'M', 'R99990000000001', 'L', 'SA07', NULL),
  ('c', '899900000078', '60', 'C', '1990000010', 'S', 'SA01', NULL), ('d', '899900000086', '70', 'C', NULL, 'L', NULL, NULL);
INSERT INTO mailbox (address, domain, type, service, description, rank, dematerialization, source) VALUES
  ('anne@ch-exemple.mssante.fr', 'ch-exemple.mssante.fr', 'PER', 'CARDIOLOGIE', NULL, 2, true, 'mssante'),
  ('anne@medecin-exemple.mssante.fr', 'medecin-exemple.mssante.fr', 'PER', NULL, NULL, 1, false, 'mssante'),
  ('cabinet@pro-exemple.mssante.fr', 'pro-exemple.mssante.fr', 'CAB', NULL, 'Cabinet partagé', NULL, NULL, 'api'),
  ('inconnu@pro-exemple.mssante.fr', 'pro-exemple.mssante.fr', 'PER', NULL, NULL, NULL, NULL, 'mssante'),
  ('secretariat@ch-exemple.mssante.fr', 'ch-exemple.mssante.fr', 'ORG', 'ACCUEIL', 'Secrétariat', NULL, NULL, 'mssante'),
  ('ailleurs@ch-exemple.mssante.fr', 'ch-exemple.mssante.fr', 'ORG', NULL, NULL, NULL, NULL, 'mssante');
INSERT INTO mailbox_attachment (address, practitioner, organization, title, family, given, profession, skill, organization_name, postal_code, city) VALUES
  ('anne@ch-exemple.mssante.fr', '899900000060', '1990000010', 'DR', 'EXEMPLE', 'Anne', '10', NULL, 'CH', '25000', 'BESANCON'),
  ('anne@medecin-exemple.mssante.fr', '899900000060', NULL, 'DR', 'EXEMPLE', 'Anne', '10', NULL, NULL, NULL, NULL),
  ('cabinet@pro-exemple.mssante.fr', '899900000060', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('cabinet@pro-exemple.mssante.fr', '899900000086', 'R99990000000001', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('inconnu@pro-exemple.mssante.fr', '899900000094', NULL, 'DR', 'INCONNU', 'Zoé', '10', 'SM53', NULL, NULL, NULL),
  ('secretariat@ch-exemple.mssante.fr', NULL, '1990000010', NULL, NULL, NULL, NULL, NULL, 'CH', NULL, NULL),
  ('ailleurs@ch-exemple.mssante.fr', NULL, '1990000028', NULL, NULL, NULL, NULL, NULL, 'AILLEURS', '25000', 'BESANCON');
INSERT INTO pending (kind, key) SELECT 'organization', key FROM organization
  UNION ALL SELECT 'practitioner', national_id FROM practitioner UNION ALL SELECT 'mailbox', address FROM mailbox;
