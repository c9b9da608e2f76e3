DROP TABLE integration_key;
