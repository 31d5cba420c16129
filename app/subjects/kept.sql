-- Everything that is kept of one person, by national identification (person), by the number in it (number), and by the addresses
-- of the person's mailboxes, hidden and withdrawn ones included, as (table, row): for that person alone.
WITH own AS MATERIALIZED (
  SELECT DISTINCT a.address FROM mailbox_attachment a WHERE a.practitioner = %(person)s
),
named AS MATERIALIZED (
  SELECT address AS key FROM own UNION ALL SELECT %(person)s
)
SELECT 'practitioner' AS kept_in, to_jsonb(x) AS kept FROM practitioner x WHERE x.national_id = %(person)s
UNION ALL SELECT 'practice', to_jsonb(x) FROM practice x WHERE x.practitioner = %(person)s
UNION ALL SELECT 'practitioner_role', to_jsonb(x) FROM practitioner_role x WHERE x.practitioner = %(person)s
UNION ALL SELECT 'skill', to_jsonb(x) FROM skill x WHERE x.practitioner = %(person)s
UNION ALL SELECT 'qualification', to_jsonb(x) FROM qualification x WHERE x.practitioner = %(person)s
UNION ALL SELECT 'mailbox', to_jsonb(x) FROM mailbox x JOIN own o USING (address)
-- A mailbox of several: of the others nothing but that they are there.
UNION ALL SELECT 'mailbox_attachment', to_jsonb(x) FROM mailbox_attachment x WHERE x.practitioner = %(person)s
UNION ALL SELECT 'withdrawn', to_jsonb(x) FROM withdrawn x JOIN own o USING (address)
UNION ALL SELECT 'publication', x.document::jsonb FROM publication x JOIN named n USING (key)
  WHERE x.kind IN ('practitioner', 'mailbox')
UNION ALL SELECT 'alias', to_jsonb(x) FROM alias x WHERE x.kind = 'practitioner' AND x.key = %(person)s
UNION ALL SELECT 'practitioner_search', to_jsonb(x) FROM practitioner_search x WHERE x.key = %(person)s
UNION ALL SELECT 'mailbox_search', to_jsonb(x) FROM mailbox_search x JOIN named n USING (key)
UNION ALL SELECT 'change', to_jsonb(x) FROM change x JOIN named n USING (key) WHERE x.kind IN ('practitioner', 'mailbox')
UNION ALL SELECT 'pending', to_jsonb(x) FROM pending x JOIN named n USING (key) WHERE x.kind IN ('practitioner', 'mailbox')
UNION ALL SELECT 'notice', to_jsonb(x) FROM notice x JOIN named n USING (key)
UNION ALL SELECT 'transfer', to_jsonb(x) FROM transfer x
  WHERE x.key IN (SELECT key FROM named) OR x.new_address IN (SELECT key FROM named)
UNION ALL SELECT 'audit', to_jsonb(x) FROM audit x JOIN named n ON n.key = x.object_key
UNION ALL SELECT 'import_change', to_jsonb(x) FROM import_change x JOIN named n ON n.key = x.entity_key
UNION ALL SELECT 'import_reject', to_jsonb(x) FROM import_reject x
  WHERE EXISTS (SELECT FROM named n WHERE position(n.key IN x.content) > 0) OR position(%(number)s IN x.content) > 0
UNION ALL SELECT 'idempotency_key', to_jsonb(x) - 'request' || jsonb_build_object('body', convert_from(x.body, 'UTF8'))
  FROM idempotency_key x WHERE EXISTS (SELECT FROM named n WHERE position(convert_to(n.key, 'UTF8') IN x.body) > 0)
