-- How far each channel lags: since when a mark waits, and what the worker last saw of LDAP.

ALTER TABLE pending ADD COLUMN marked_at timestamptz NOT NULL DEFAULT now();

-- The API does not talk to slapd: the worker looks for it (app.ldap.watch).
CREATE TABLE ldap_seen (
  singleton boolean NOT NULL DEFAULT true,
  edition bigint NOT NULL,
  epoch text,
  seen_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pk_ldap_seen PRIMARY KEY (singleton),
  CONSTRAINT ck_ldap_seen_singleton CHECK (singleton)
);

CREATE FUNCTION seconds_since(instant timestamptz) RETURNS double precision
LANGUAGE sql VOLATILE AS $$ SELECT greatest(extract(epoch FROM clock_timestamp() - instant), 0)::double precision WHERE instant IS NOT NULL $$;
COMMENT ON FUNCTION seconds_since IS 'Seconds that went by since an instant, never below zero; null since null.';
