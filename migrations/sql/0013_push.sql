-- Webhooks: who is told that the directory moved, up to which edition it was told, and every delivery.

CREATE TABLE webhook (
  id text COLLATE "C" CONSTRAINT pk_webhook PRIMARY KEY,
  operator text COLLATE "C" CONSTRAINT fk_webhook_operator_operator REFERENCES operator (id),
  api_key text COLLATE "C" CONSTRAINT fk_webhook_api_key_api_key REFERENCES api_key (id),
  url text NOT NULL,
  kinds text[] NOT NULL CONSTRAINT ck_webhook_kinds
    CHECK (kinds <@ ARRAY['mailbox', 'organization', 'practitioner'] AND cardinality(kinds) > 0),
  -- Sealed under the pepper: whoever reads this table can sign nothing.
  secret bytea NOT NULL,
  pepper text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL DEFAULT 'active' CONSTRAINT ck_webhook_state CHECK (state IN ('active', 'disabled')),
  disabled_why text,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- What it was told of, up to here.
  epoch text NOT NULL,
  edition bigint NOT NULL,
  -- The one message that is on its way: its bytes stay the same however often it is sent.
  message text COLLATE "C",
  body text,
  next_epoch text,
  next_edition bigint,
  attempt integer NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ck_webhook_owner CHECK (num_nonnulls(operator, api_key) = 1),
  CONSTRAINT ck_webhook_message CHECK (num_nulls(message, body, next_epoch, next_edition) IN (0, 4))
);
CREATE INDEX ix_webhook_operator ON webhook (operator);
CREATE INDEX ix_webhook_api_key ON webhook (api_key);

CREATE TABLE webhook_delivery (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_webhook_delivery PRIMARY KEY,
  webhook text COLLATE "C" NOT NULL CONSTRAINT fk_webhook_delivery_webhook_webhook REFERENCES webhook (id) ON DELETE CASCADE,
  message text COLLATE "C" NOT NULL,
  after bigint NOT NULL,
  edition bigint NOT NULL,
  attempt integer NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  outcome text COLLATE "C" NOT NULL CONSTRAINT ck_webhook_delivery_outcome
    CHECK (outcome IN ('delivered', 'rejected', 'unreachable', 'forbidden', 'unsigned')),
  status integer,
  detail text NOT NULL,
  ms integer NOT NULL
);
CREATE INDEX ix_webhook_delivery_webhook_id ON webhook_delivery (webhook, id);
CREATE INDEX ix_webhook_delivery_at ON webhook_delivery (at);
