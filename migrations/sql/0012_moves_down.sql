DROP TABLE duty;
DROP FUNCTION number_notices(text);
DROP TABLE notice;
DROP TABLE transfer;
