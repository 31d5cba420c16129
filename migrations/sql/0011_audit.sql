-- Who did what: an append-only chain, each row bound to the one before by its hash.

CREATE TABLE audit (
  sequence bigint PRIMARY KEY,
  at timestamptz NOT NULL,
  actor text COLLATE "C" NOT NULL,
  credential text COLLATE "C" NOT NULL,
  operator text COLLATE "C",
  action text COLLATE "C" NOT NULL,
  object_kind text COLLATE "C" NOT NULL,
  object_key text COLLATE "C" NOT NULL,
  before bytea,
  after bytea,
  detail text NOT NULL,
  request_id text COLLATE "C",
  previous bytea NOT NULL,
  hash bytea NOT NULL
);
