"""The statements of transfers. The rules stand in the database: a request and a command ask the same functions."""

# Each gives (fault, reason, document, before, after): why not, or the transfer as it is now with the hashes of the
# audit trail; `before` equals `after` when nothing was changed.
# `certificate`: the one that a request came with; its domains alone count then.
PROPOSE = "SELECT * FROM propose_transfer(jsonb_populate_record(NULL::transfer, %(given)s::jsonb), %(certificate)s)"
DECIDE = "SELECT * FROM decide_transfer(%(id)s, %(operator)s, %(certificate)s, %(verb)s, %(new_address)s)"
STATE_OF = "SELECT state, state_reason FROM operator WHERE id = %s"

FITTING = """
  FROM transfer t
  WHERE (%(operator)s::text IS NULL OR %(operator)s IN (t.from_operator, t.to_operator))
    AND (%(scope)s::text IS NULL OR t.scope = %(scope)s) AND (%(state)s::text IS NULL OR t.state = %(state)s)
"""
PAGE = f"""
SELECT e.edition, (SELECT count(*) FROM (SELECT {FITTING} LIMIT %(counted)s) n), p.item, NULL, p.id
FROM directory e LEFT JOIN LATERAL (
  SELECT t.id, transfer_document(t) AS item {FITTING} AND t.id < %(before)s ORDER BY t.id DESC LIMIT %(rows)s) p ON true
ORDER BY p.id DESC
"""  # noqa: S608 - our own text
LISTED = f"SELECT transfer_document(t) {FITTING} AND t.id < %(before)s ORDER BY t.id DESC LIMIT %(rows)s"
ONE = """
SELECT e.edition, transfer_document(t) FROM directory e LEFT JOIN transfer t ON t.id = %(id)s
  AND (%(operator)s::text IS NULL OR %(operator)s IN (t.from_operator, t.to_operator))
"""

DUE = """
SELECT id FROM transfer
WHERE state IN ('proposed', 'agreed') AND effective_at <= clock_timestamp() ORDER BY effective_at, id
"""
NEXT = """
SELECT extract(epoch FROM min(effective_at) - clock_timestamp())::double precision FROM transfer
WHERE state IN ('proposed', 'agreed')
"""
SETTLE = "SELECT settle_transfer(%(id)s, %(wide)s)"
FAIL = """
SELECT end_transfer(t, 'failed', %(why)s, sha256(convert_to(transfer_document(t), 'UTF8')))
FROM (SELECT * FROM transfer WHERE id = %(id)s AND state IN ('proposed', 'agreed') FOR UPDATE) t
"""
