-- Transfers between operators, and what operators are told.

CREATE TABLE transfer (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  scope text COLLATE "C" NOT NULL CONSTRAINT ck_transfer_scope CHECK (scope IN ('mailbox', 'domain')),
  key text COLLATE "C" NOT NULL,
  from_operator text COLLATE "C" NOT NULL CONSTRAINT fk_transfer_from_operator_operator REFERENCES operator (id),
  to_operator text COLLATE "C" NOT NULL CONSTRAINT fk_transfer_to_operator_operator REFERENCES operator (id),
  effective_at timestamptz NOT NULL,
  state text COLLATE "C" NOT NULL CONSTRAINT ck_transfer_state
    CHECK (state IN ('proposed', 'agreed', 'done', 'refused', 'withdrawn', 'lapsed', 'failed')),
  proposed_by text COLLATE "C" NOT NULL,
  proposed_at timestamptz NOT NULL DEFAULT now(),
  decided_at timestamptz,
  done_at timestamptz,
  detail text
);

CREATE TABLE notice (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  operator text COLLATE "C" NOT NULL CONSTRAINT fk_notice_operator_operator REFERENCES operator (id),
  code text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  detail text NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_notice_operator_id ON notice (operator, id);
