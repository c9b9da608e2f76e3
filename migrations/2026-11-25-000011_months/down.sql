DROP TABLE captured_day, task, month_statement, plan_month, month_grant;
DELETE FROM month_phase WHERE phase > 1;
ALTER TABLE month_phase DROP CONSTRAINT month_phase_phase;
ALTER TABLE month_phase ADD CONSTRAINT month_phase_phase_check CHECK (phase IN (1));
ALTER TABLE ledger.operation DROP COLUMN month;
ALTER TABLE wallet DROP COLUMN month;
