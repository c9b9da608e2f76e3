DROP FUNCTION ledger.partitions_until();
DROP FUNCTION ledger.make_partitions(date);
DROP FUNCTION ledger.make_month(date);
DROP TABLE ledger.hold_entry, ledger.transfer, ledger.line, ledger.operation;
DROP FUNCTION ledger.begin_batch();
DROP SEQUENCE ledger.batch;
