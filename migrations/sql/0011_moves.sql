-- Transfers between operators, what operators are told, and what the worker does by the clock.

CREATE TABLE transfer (
  id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_transfer PRIMARY KEY,
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
  detail text,
  CONSTRAINT ck_transfer_operators CHECK (from_operator <> to_operator)
);
-- One thing cannot be promised twice; and the clock asks for what is open, by its hour.
CREATE UNIQUE INDEX uq_transfer_scope_key ON transfer (scope, key) WHERE state IN ('proposed', 'agreed');
CREATE INDEX ix_transfer_effective_at ON transfer (effective_at) WHERE state IN ('proposed', 'agreed');

CREATE TABLE notice (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_notice PRIMARY KEY,
  operator text COLLATE "C" NOT NULL CONSTRAINT fk_notice_operator_operator REFERENCES operator (id) ON DELETE CASCADE,
  code text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  detail text NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_notice_operator_id ON notice (operator, id);

CREATE TABLE duty (
  name text COLLATE "C" CONSTRAINT pk_duty PRIMARY KEY,
  done_at timestamptz,
  failed_at timestamptz,
  failure text
);
