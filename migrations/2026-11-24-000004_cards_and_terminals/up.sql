-- Who taps where: clients' names, what is sold, terminals, and what happened to cards.

-- Personal data, apart from the ledger: what stands here can be replaced without touching what was booked.
CREATE TABLE client (
    wallet bigint PRIMARY KEY REFERENCES wallet,
    number integer NOT NULL CHECK (number > 0),                                  -- random, never a BSN
    display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200)
);
CREATE UNIQUE INDEX client_number ON client ((wallet >> 32), number);

-- What a till's tile shows. What a service is and costs for a buyer stands in the price lists.
CREATE TABLE service (
    id uuid PRIMARY KEY,
    organisation integer NOT NULL REFERENCES organisation,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    name_en text NOT NULL CHECK (length(name_en) BETWEEN 1 AND 100),
    category text NOT NULL CHECK (length(category) BETWEEN 1 AND 50)
);
CREATE INDEX service_organisation ON service (organisation);

-- A terminal's key is derived from the key store's secret, the terminal's id and this salt: no key stands in the
-- database, and a new salt is a new key.
CREATE TABLE terminal (
    id uuid PRIMARY KEY,
    location uuid NOT NULL REFERENCES location,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    status smallint NOT NULL DEFAULT 1 CHECK (status IN (1, 2)),                 -- 1 active, 2 revoked
    key_salt bytea NOT NULL CHECK (octet_length(key_salt) = 16),
    added_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX terminal_location ON terminal (location);

ALTER TABLE card DROP CONSTRAINT card_status_check;
ALTER TABLE card
    ADD CONSTRAINT card_status CHECK (status IN (1, 2, 3)),                      -- 1 active, 2 blocked, 3 replaced
    -- of the keys that the card signs with
    ADD COLUMN generation smallint NOT NULL DEFAULT 1 CONSTRAINT card_generation CHECK (generation BETWEEN 1 AND 255),
    ADD COLUMN replaces uuid REFERENCES card,
    ADD COLUMN issued_at timestamptz NOT NULL DEFAULT now();

-- What happened to a card, oldest first: the hotlist is what changed after a terminal's last version. Numbers are given
-- out under advisory lock 7215204, held until COMMIT, so that who has read up to one has missed none before it.
CREATE TABLE card_event (
    version bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    card uuid NOT NULL REFERENCES card,
    organisation integer NOT NULL REFERENCES organisation,
    event smallint NOT NULL CHECK (event BETWEEN 1 AND 4),                       -- 1 issued, 2 blocked, 3 unblocked, 4 replaced
    happened_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX card_event_organisation ON card_event (organisation, version);
CREATE INDEX card_event_card ON card_event (card);
-- Cards that were blocked before there were events.
INSERT INTO card_event (card, organisation, event) SELECT id, wallet >> 32, 2 FROM card WHERE status = 2;
CREATE TRIGGER card_event_is_never_edited BEFORE UPDATE OR DELETE ON card_event
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

-- What each key of the key store must be: a value derived from it, never the key. A key store that is not this database's
-- is found out before a card is refused. Generation 0: the secret that terminals' keys are derived from.
CREATE TABLE key_check (
    generation smallint PRIMARY KEY CHECK (generation BETWEEN 0 AND 255),
    value bytea NOT NULL CHECK (octet_length(value) = 32)
);
CREATE TRIGGER key_check_is_never_edited BEFORE UPDATE OR DELETE ON key_check
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

-- The generation of the card's keys that signed: the service's answer is signed with the same, whenever it is asked for.
-- Not validated: old rows have none, and reading them all would keep everybody from selling.
ALTER TABLE ledger.operation ADD COLUMN card_generation smallint;
ALTER TABLE ledger.operation ADD CONSTRAINT operation_card_generation
    CHECK (card_generation BETWEEN 1 AND 255 AND counter IS NOT NULL OR card_generation IS NULL) NOT VALID;
