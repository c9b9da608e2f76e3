-- What a card set aside at an unattended terminal: captured by that location's terminals, and no sale's to give back. It
-- has a row also where the organisation pays all of it and nothing is set aside, as its time must be known.
ALTER TABLE hold DROP CONSTRAINT hold_purpose_check;
ALTER TABLE hold ADD CONSTRAINT hold_purpose CHECK (purpose IN (1, 2, 3));       -- 1 to be sold, 2 a payout, 3 of a card
ALTER TABLE hold ADD CONSTRAINT hold_of_card_expires CHECK (purpose <> 3 OR expires_at IS NOT NULL);
