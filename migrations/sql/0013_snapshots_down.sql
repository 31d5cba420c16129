-- The record of the files; the files themselves stay where they are.
DROP TABLE snapshot;
