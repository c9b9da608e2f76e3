ALTER TABLE hold DROP CONSTRAINT hold_of_card_expires;
ALTER TABLE hold DROP CONSTRAINT hold_purpose;
DELETE FROM hold WHERE purpose = 3 AND NOT EXISTS (SELECT FROM ledger.hold_entry AS e WHERE e.hold = hold.id);
UPDATE hold SET purpose = 1 WHERE purpose = 3;
ALTER TABLE hold ADD CONSTRAINT hold_purpose_check CHECK (purpose IN (1, 2));
