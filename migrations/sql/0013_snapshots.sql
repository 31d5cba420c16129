-- The full files that were made of an edition, and whether they may still be fetched.

CREATE TABLE snapshot (
  edition bigint NOT NULL,
  file text COLLATE "C" NOT NULL,
  epoch text NOT NULL,
  bytes bigint NOT NULL,
  sha256 text NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now(),
  state text NOT NULL DEFAULT 'offered',
  withdrawn_at timestamptz,
  CONSTRAINT ck_snapshot_state CHECK (state IN ('offered', 'withdrawn', 'expired')),
  CONSTRAINT pk_snapshot PRIMARY KEY (edition, file)
);
