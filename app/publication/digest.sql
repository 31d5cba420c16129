-- The root of the digest tree over (kind, key, fingerprint), with its edition and epoch, from one snapshot.
WITH leaf AS (
  SELECT slot, sha256(string_agg(convert_to(kind || '/' || key, 'UTF8') || '\x00'::bytea || fingerprint, ''::bytea ORDER BY kind, key)) AS hash
  FROM publication GROUP BY slot
),
node AS (
  SELECT s.slot / 256 AS node, sha256(string_agg(coalesce(l.hash, sha256(''::bytea)), ''::bytea ORDER BY s.slot)) AS hash
  FROM generate_series(0, 65535) AS s (slot) LEFT JOIN leaf l ON l.slot = s.slot
  GROUP BY s.slot / 256
)
SELECT d.edition, d.epoch, encode(sha256((SELECT string_agg(n.hash, ''::bytea ORDER BY n.node) FROM node n)), 'hex') AS root
FROM directory d
