-- The trust space: where operators come from, and the conformity file of each.

ALTER TABLE operator ADD COLUMN source text COLLATE "C" NOT NULL DEFAULT 'liste_blanche'
  CONSTRAINT ck_operator_source CHECK (source IN ('liste_blanche', 'admin'));

CREATE TABLE conformity_document (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  operator text COLLATE "C" NOT NULL CONSTRAINT fk_conformity_document_operator_operator REFERENCES operator (id),
  kind text COLLATE "C" NOT NULL CONSTRAINT ck_conformity_document_kind CHECK (kind IN ('contract', 'commitment', 'hosting')),
  reference text NOT NULL,
  starts_on date NOT NULL,
  expires_on date NOT NULL,
  recorded_by text COLLATE "C" NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ck_conformity_document_dates CHECK (starts_on < expires_on)
);
