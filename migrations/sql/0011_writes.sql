-- What operators' writes need beside the mailbox itself.

ALTER TABLE mailbox
  ADD COLUMN withdrawn_at timestamptz,
  ADD COLUMN phone text;

CREATE TABLE idempotency_key (
  operator text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  request bytea NOT NULL,
  status integer NOT NULL,
  headers text NOT NULL,
  body bytea NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pk_idempotency_key PRIMARY KEY (operator, key)
);
