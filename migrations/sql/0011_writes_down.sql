DROP TABLE idempotency_key;
ALTER TABLE mailbox DROP COLUMN withdrawn_at, DROP COLUMN phone;
