-- Who is calling: keys that expire and are renewed, certificates, and clients of OAuth 2.

ALTER TABLE api_key
  -- Keys of before this migration live for one more year.
  ADD COLUMN expires_at timestamptz NOT NULL DEFAULT now() + interval '365 days',
  ADD COLUMN pepper text COLLATE "C",
  ADD COLUMN replaces text COLLATE "C" CONSTRAINT fk_api_key_replaces_api_key REFERENCES api_key (id),
  ADD COLUMN last_used_at timestamptz,
  ADD COLUMN budget integer CONSTRAINT ck_api_key_budget CHECK (budget > 0);

-- Programs that prove themselves by a private key (private_key_jwt); here is the public half.
CREATE TABLE client_key (
  id text COLLATE "C" CONSTRAINT pk_client_key PRIMARY KEY,
  name text NOT NULL,
  operator text COLLATE "C" NOT NULL CONSTRAINT fk_client_key_operator_operator REFERENCES operator (id),
  scopes text[] NOT NULL CONSTRAINT ck_client_key_scopes
    CHECK (scopes <@ ARRAY['read', 'publish', 'admin', 'audit'] AND cardinality(scopes) > 0),
  kid text COLLATE "C" NOT NULL CONSTRAINT uq_client_key_kid UNIQUE,
  algorithm text COLLATE "C" NOT NULL CONSTRAINT ck_client_key_algorithm CHECK (algorithm IN ('ES256', 'PS256', 'EdDSA')),
  jwk text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz,
  last_used_at timestamptz
);

CREATE TABLE access_token (
  digest bytea CONSTRAINT pk_access_token PRIMARY KEY,
  client text COLLATE "C" NOT NULL CONSTRAINT fk_access_token_client_client_key REFERENCES client_key (id),
  scopes text[] NOT NULL,
  certificate bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX ix_access_token_expires_at ON access_token (expires_at);

-- Assertions that were used. Not unlogged: after a crash they must still be known.
CREATE TABLE client_assertion (
  client text COLLATE "C" NOT NULL CONSTRAINT fk_client_assertion_client_client_key REFERENCES client_key (id),
  jti text COLLATE "C" NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT pk_client_assertion PRIMARY KEY (client, jti)
);
CREATE INDEX ix_client_assertion_expires_at ON client_assertion (expires_at);

-- Certificates that were used, so that their operators can be told before they end.
CREATE TABLE client_certificate (
  fingerprint bytea CONSTRAINT pk_client_certificate PRIMARY KEY,
  dn text COLLATE "C" NOT NULL,
  expires_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL
);
