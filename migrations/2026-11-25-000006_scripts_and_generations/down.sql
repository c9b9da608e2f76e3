ALTER TABLE location
    DROP COLUMN offline_tap_cents, DROP COLUMN offline_card_cents, DROP COLUMN offline_card_taps,
    DROP COLUMN offline_terminal_cents, DROP COLUMN offline_terminal_records, DROP COLUMN offline_hours;
ALTER TABLE card DROP COLUMN generations_to, DROP COLUMN pin_free_cents;
DROP TABLE key_generation;
DROP TABLE card_script;
