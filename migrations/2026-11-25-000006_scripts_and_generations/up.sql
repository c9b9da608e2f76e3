-- What cards are told to change, the generations of their keys, PINs, and what a location may sell offline.

-- Scripts to a card, in the order of their numbers. A card applies a script whose number is above the last one's, and says
-- in each tap which it applied last: all up to that one came.
CREATE TABLE card_script (
    card uuid NOT NULL REFERENCES card,
    number bigint NOT NULL CHECK (number BETWEEN 1 AND 4294967295),
    change smallint NOT NULL CHECK (change BETWEEN 1 AND 5),                     -- 1 limits, 2 reset offline, 3 block, 4 unblock, 5 activate
    parameters bytea NOT NULL CHECK (octet_length(parameters) = 16),             -- as the card gets them
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    confirmed_at timestamptz,                                                    -- the card's tap showed that it came
    -- a later script says what this one would have said, or the same again: it goes out no more
    replaced_by bigint CHECK (replaced_by > number),
    -- the order in which scripts were queued: given out under advisory lock 7215204, held until COMMIT, so that who has read
    -- up to one has missed none before it
    version bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    PRIMARY KEY (card, number)
);
CREATE INDEX card_script_waiting ON card_script (card) WHERE confirmed_at IS NULL AND replaced_by IS NULL;

-- Generations of the cards' keys that were activated. The newest is what new cards sign with.
CREATE TABLE key_generation (
    generation smallint PRIMARY KEY CHECK (generation BETWEEN 1 AND 255),
    activated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    refused_from date                                                            -- from this book date on its taps are refused
);
-- Until now there was one generation, active from its first key on.
INSERT INTO key_generation (generation) SELECT max(generation) FROM key_check WHERE generation > 0 HAVING count(*) > 0;

ALTER TABLE card
    -- the newest generation whose keys are on the card
    ADD COLUMN generations_to smallint NOT NULL DEFAULT 1
        CONSTRAINT card_generations_to CHECK (generations_to BETWEEN 1 AND 255),
    -- what activity, extra and own lines of a tap may come to without PIN; null: no PIN is asked
    ADD COLUMN pin_free_cents bigint CONSTRAINT card_pin_free CHECK (pin_free_cents >= 0);
-- Cards that were issued with a later generation than the first have its keys.
UPDATE card SET generations_to = generation WHERE generation > 1;

ALTER TABLE location
    ADD COLUMN offline_tap_cents bigint NOT NULL DEFAULT 2500
        CONSTRAINT location_offline_tap CHECK (offline_tap_cents BETWEEN 0 AND 4294967295),
    ADD COLUMN offline_card_cents bigint NOT NULL DEFAULT 5000
        CONSTRAINT location_offline_card CHECK (offline_card_cents BETWEEN 0 AND 4294967295),
    ADD COLUMN offline_card_taps smallint NOT NULL DEFAULT 5
        CONSTRAINT location_offline_card_taps CHECK (offline_card_taps BETWEEN 0 AND 255),
    ADD COLUMN offline_terminal_cents bigint NOT NULL DEFAULT 50000
        CONSTRAINT location_offline_terminal CHECK (offline_terminal_cents BETWEEN 0 AND 4294967295),
    ADD COLUMN offline_terminal_records integer NOT NULL DEFAULT 200
        CONSTRAINT location_offline_records CHECK (offline_terminal_records BETWEEN 0 AND 100000),
    ADD COLUMN offline_hours integer NOT NULL DEFAULT 24
        CONSTRAINT location_offline_hours CHECK (offline_hours BETWEEN 0 AND 8760);
