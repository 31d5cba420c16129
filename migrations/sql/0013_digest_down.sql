-- Without the kept tree.

ALTER TABLE publication RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor);
DROP TABLE digest_tree;
