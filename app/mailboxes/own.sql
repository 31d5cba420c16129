-- The owner's view for those it is for: an operator reads the mailboxes that it wrote, and, in its domains, those that no
-- operator has written yet; administrators read all.

-- name: one
SELECT d.edition, o.document, o.etag
FROM (SELECT * FROM directory LIMIT 1) d
CROSS JOIN (SELECT m.address FROM own_mailbox m
            WHERE m.address = %(address)s AND (%(is_admin)s OR m.operator = %(operator)s
              OR (m.operator IS NULL
                  AND (SELECT true FROM domain_owner x WHERE x.name = m.domain AND x.operator = %(operator)s LIMIT 1)))) own
CROSS JOIN LATERAL owners_view(own.address) o
WHERE o.document IS NOT NULL

-- name: page
WITH own_domain AS MATERIALIZED (
  SELECT DISTINCT x.name FROM domain_owner x WHERE x.operator = %(operator)s AND x.name = coalesce(%(domain)s, x.name)
),
fitting AS MATERIALIZED (
  (SELECT m.address FROM mailbox m
   WHERE m.operator = %(operator)s AND m.domain = coalesce(%(domain)s, m.domain) AND {filters} ORDER BY m.address LIMIT %(counted)s)
  UNION ALL
  SELECT u.address FROM own_domain d
  CROSS JOIN LATERAL (SELECT m.address FROM mailbox m
                      WHERE m.domain = d.name AND m.operator IS NULL AND {filters} ORDER BY m.address LIMIT %(counted)s) u
),
page AS MATERIALIZED (
  (SELECT m.address FROM mailbox m
   WHERE m.operator = %(operator)s AND m.domain = coalesce(%(domain)s, m.domain) AND {filters} AND m.address > %(after)s
   ORDER BY m.address LIMIT %(rows)s)
  UNION ALL
  SELECT u.address FROM own_domain d
  CROSS JOIN LATERAL (SELECT m.address FROM mailbox m
                      WHERE m.domain = d.name AND m.operator IS NULL AND {filters} AND m.address > %(after)s
                      ORDER BY m.address LIMIT %(rows)s) u
  ORDER BY address LIMIT %(rows)s
)
SELECT e.edition, (SELECT count(*) FROM (SELECT FROM fitting LIMIT %(counted)s) n), o.document, NULL, o.address
FROM (SELECT * FROM directory LIMIT 1) e
LEFT JOIN (SELECT p.address, v.document FROM page p CROSS JOIN LATERAL owners_view(p.address) v) o ON true
ORDER BY o.address
