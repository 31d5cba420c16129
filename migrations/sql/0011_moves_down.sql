DROP TABLE duty;
DROP TABLE notice;
DROP TABLE transfer;
