-- The slots that changes after %(after)s touched (null: all slots), hashed as they are now; with edition, epoch, oldest kept change.
-- An ordered subquery, read off the index, costs half of ORDER BY inside the aggregate, which sorts each slot once more.
WITH wanted AS MATERIALIZED (
  SELECT DISTINCT digest_slot(c.kind, c.key) AS slot FROM change c WHERE c.sequence > %(after)s::bigint
  UNION ALL
  SELECT s.slot FROM generate_series(0, 65535) AS s (slot) WHERE %(after)s::bigint IS NULL
)
SELECT d.edition, d.epoch, coalesce((SELECT c.sequence FROM change c ORDER BY c.sequence LIMIT 1), d.edition + 1) AS oldest,
  w.slot, coalesce(leaf.hash, sha256(''::bytea))
FROM directory d
LEFT JOIN wanted w ON true
LEFT JOIN LATERAL (
  SELECT sha256(string_agg(convert_to(p.kind || '/' || p.key, 'UTF8') || '\x00'::bytea || p.fingerprint, ''::bytea)) AS hash
  FROM (SELECT x.kind, x.key, x.fingerprint FROM publication x WHERE x.slot = w.slot ORDER BY x.kind, x.key) p
) leaf ON true
