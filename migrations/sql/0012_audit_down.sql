DROP TABLE consultation;
DROP TABLE audit;
DROP TABLE audit_head;
DROP FUNCTION audit_append_all;
DROP FUNCTION audit_append;
DROP FUNCTION audit_hash;
DROP FUNCTION audit_is_append_only;
