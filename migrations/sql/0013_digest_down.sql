-- Without the kept tree.

DROP TABLE digest_tree;
