DROP FUNCTION disclose(text, bytea[], integer, boolean);
DROP TABLE disclosure_day;
DROP TABLE disclosure;
