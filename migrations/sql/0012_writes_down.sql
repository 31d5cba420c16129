DROP FUNCTION stand_for_writes(text, text, text[], text[], text[], text[], text[], integer);
DROP FUNCTION conclude_writes(json);
DROP FUNCTION owners_view(text);
DROP VIEW own_mailbox;
DROP VIEW stated_mailbox;
DROP VIEW stated_attachment;
CREATE VIEW own_mailbox AS
SELECT m.address, m.operator, m.unlisted AS liste_rouge, m.responsible, m.state, m.type, m.domain, m.service, m.description, m.rank, m.dematerialization
FROM mailbox m;
COMMENT ON VIEW own_mailbox IS 'The owner''s view, the one named exception: for the mailbox''s own operator and admins alone.';
DROP TRIGGER keep_for_operator ON mailbox;
DROP FUNCTION keep_for_operator();
DROP TRIGGER date_withdrawal ON mailbox;
DROP FUNCTION date_withdrawal();
DROP TABLE idempotency_key;
DROP INDEX ix_mailbox_operator_address;
CREATE INDEX ix_mailbox_operator ON mailbox (operator) WHERE operator IS NOT NULL;
DROP INDEX ix_mailbox_domain_address;
CREATE INDEX ix_mailbox_domain ON mailbox (domain);
ALTER TABLE mailbox DROP COLUMN withdrawn_at, DROP COLUMN phone;
