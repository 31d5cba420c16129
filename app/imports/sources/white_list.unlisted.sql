-- Mailboxes that are seen by the white list in force and would not be by the new one, by domain, the most first.
WITH kept AS (
  SELECT n.name, c.operator FROM new_domain n JOIN new_operator_certificate c ON c.dn = n.certificate
  UNION
  SELECT d.name, c.operator FROM domain d JOIN operator_certificate c ON c.dn = d.certificate
  WHERE d.source <> 'liste_blanche' AND NOT EXISTS (SELECT FROM moved_domain v WHERE (v.name, v.certificate) = (d.name, d.certificate))
),
staying AS (SELECT k.name, k.operator FROM kept k LEFT JOIN operator o ON o.id = k.operator WHERE o.state IS DISTINCT FROM 'left'),
held AS (SELECT m.domain, m.operator, count(*) AS mailboxes FROM mailbox m WHERE m.state = 'active' GROUP BY m.domain, m.operator)
SELECT h.domain, sum(h.mailboxes)::integer AS mailboxes
FROM held h
WHERE EXISTS (SELECT FROM domain_owner d WHERE d.name = h.domain AND (h.operator IS NULL OR d.operator = h.operator))
  AND NOT EXISTS (SELECT FROM staying s WHERE s.name = h.domain AND (h.operator IS NULL OR s.operator = h.operator))
GROUP BY h.domain ORDER BY 2 DESC, 1
