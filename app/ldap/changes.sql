-- The mailboxes that changed after a cursor, each once, with its present document (null = no longer published), and where
-- the directory stands: all from one snapshot. `until` = the edition that the tree holds once these are written.
-- A portion does not end between an address that left and the one that follows it, which a transfer publishes together: whoever
-- searches finds the mailbox once.
WITH portion AS MATERIALIZED (
  SELECT c.sequence, c.key FROM change c
  WHERE c.sequence > %(after)s AND c.kind = 'mailbox'
  ORDER BY c.sequence LIMIT %(portion)s
),
ending AS (
  SELECT p.sequence, p.key FROM portion p ORDER BY p.sequence DESC LIMIT 1
),
member AS MATERIALIZED (
  SELECT p.sequence, p.key FROM portion p
  UNION ALL
  SELECT c.sequence, c.key FROM ending e JOIN change c ON c.sequence = e.sequence + 1 AND c.kind = 'mailbox'
  JOIN withdrawn w ON (w.address, w.successor) IN ((e.key, c.key), (c.key, e.key))
),
taken AS (
  SELECT (SELECT count(*) FROM portion) AS members, max(m.sequence) AS last FROM member m
)
SELECT d.edition, d.epoch,
  coalesce((SELECT c.sequence FROM change c ORDER BY c.sequence LIMIT 1), d.edition + 1) AS oldest,
  CASE WHEN t.members = %(portion)s THEN t.last ELSE d.edition END AS until,
  m.key, p.document
FROM directory d
CROSS JOIN taken t
LEFT JOIN (SELECT DISTINCT x.key FROM member x) m ON true
LEFT JOIN LATERAL (SELECT x.document FROM publication x WHERE x.kind = 'mailbox' AND x.key = m.key LIMIT 1) p ON true
