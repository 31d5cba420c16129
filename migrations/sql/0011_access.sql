-- Who is calling: keys that expire and are renewed, certificates, and clients of OAuth 2.

ALTER TABLE api_key
  -- Keys of before this migration live for one more year.
  ADD COLUMN expires_at timestamptz NOT NULL DEFAULT now() + interval '365 days',
  ADD COLUMN pepper text COLLATE "C",
  ADD COLUMN replaces text COLLATE "C" CONSTRAINT fk_api_key_replaces_api_key REFERENCES api_key (id),
  ADD COLUMN last_used_at timestamptz,
  ADD COLUMN budget integer CONSTRAINT ck_api_key_budget CHECK (budget > 0);
