-- The tree of the digest as it was last reckoned, so that the next one hashes only what changed since (app.publication.digest).
-- It is no part of publishing: a row that is old or lost costs time, never a wrong root.

CREATE TABLE digest_tree (
  singleton boolean NOT NULL DEFAULT true,
  edition bigint NOT NULL,
  epoch text NOT NULL,
  leaves bytea NOT NULL,
  reckoned_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pk_digest_tree PRIMARY KEY (singleton),
  CONSTRAINT ck_digest_tree_singleton CHECK (singleton)
);
-- 65 536 hashes: nothing in them can be made smaller.
ALTER TABLE digest_tree ALTER COLUMN leaves SET STORAGE EXTERNAL;

-- Slots are hashed from their index alone only where pages are known to be visible to all: else each row is fetched from its
-- page, ten times slower at 3.5 million rows. Vacuum knows, after half a percent of changes instead of twenty.
ALTER TABLE publication SET (autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_insert_scale_factor = 0.005);
