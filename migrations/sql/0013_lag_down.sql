-- What tells how far channels lag.
DROP FUNCTION seconds_since(timestamptz);
DROP TABLE ldap_seen;
ALTER TABLE pending DROP COLUMN marked_at;
