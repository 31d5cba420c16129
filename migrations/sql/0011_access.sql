-- Who is calling: keys that expire and are renewed, certificates, and clients of OAuth 2.

ALTER TABLE api_key
  ADD COLUMN expires_at timestamptz,
  ADD COLUMN pepper text COLLATE "C",
  ADD COLUMN replaces text COLLATE "C" REFERENCES api_key (id),
  ADD COLUMN last_used_at timestamptz,
  ADD COLUMN budget integer CONSTRAINT ck_api_key_budget CHECK (budget > 0);
