-- Who is calling: keys that expire and are renewed, certificates, and clients of OAuth 2.

ALTER TABLE api_key
  -- Keys of before this migration live for one more year.
  ADD COLUMN expires_at timestamptz NOT NULL DEFAULT now() + interval '365 days',
  ADD COLUMN pepper text COLLATE "C",
  ADD COLUMN replaces text COLLATE "C" CONSTRAINT fk_api_key_replaces_api_key REFERENCES api_key (id),
  ADD COLUMN last_used_at timestamptz,
  ADD COLUMN budget integer CONSTRAINT ck_api_key_budget CHECK (budget > 0);

-- Certificates that were used, so that their operators can be told before they end.
CREATE TABLE client_certificate (
  fingerprint bytea CONSTRAINT pk_client_certificate PRIMARY KEY,
  dn text COLLATE "C" NOT NULL,
  expires_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL
);
