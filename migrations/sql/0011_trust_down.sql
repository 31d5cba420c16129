DROP TABLE conformity_document;
ALTER TABLE operator DROP COLUMN source;
