-- How many persons each bound caller was shown today. A crash empties it: a budget is a brake, not a record.

CREATE UNLOGGED TABLE disclosure (
  caller text COLLATE "C" NOT NULL,
  day date NOT NULL,
  person text COLLATE "C" NOT NULL,
  CONSTRAINT pk_disclosure PRIMARY KEY (caller, day, person)
);
