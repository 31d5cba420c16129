DROP TABLE notice;
DROP TABLE transfer;
