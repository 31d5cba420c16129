DROP TABLE client_assertion;
DROP TABLE access_token;
DROP TABLE client_key;
DROP TABLE client_certificate;

ALTER TABLE api_key
  DROP COLUMN expires_at,
  DROP COLUMN pepper,
  DROP COLUMN replaces,
  DROP COLUMN last_used_at,
  DROP COLUMN budget;
