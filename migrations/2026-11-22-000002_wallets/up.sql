-- The state that the ledger's rows add up to, and what a sale is decided by.
-- These rows are updated under the wallet's lock; the ledger's rows (next migration) never are.

CREATE TABLE organisation (
    id integer PRIMARY KEY CHECK (id BETWEEN 1 AND 32767),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    -- book dates are this organisation's calendar days
    time_zone text NOT NULL DEFAULT 'Europe/Amsterdam'
);

CREATE TABLE location (
    id uuid PRIMARY KEY,
    organisation integer NOT NULL REFERENCES organisation,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200)
);

CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of %.% is refused: its rows are never changed or removed', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'Book a new operation that undoes the old one.';
END
$$;

-- How an organisation lets purses pay. Versioned, never edited: a sale explains itself by the version of its day.
CREATE TABLE scheme (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation integer NOT NULL REFERENCES organisation,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    version integer NOT NULL CHECK (version > 0),
    unit smallint NOT NULL CHECK (unit IN (1, 2, 3)),
    unplanned smallint NOT NULL CHECK (unplanned IN (1, 2)),                    -- 1 personal, 2 collective
    extras_from_budget boolean NOT NULL,
    extras_from_savings boolean NOT NULL,
    care_from_savings smallint NOT NULL CHECK (care_from_savings IN (0, 1, 2)), -- 0 never, 1 consented, 2 always
    UNIQUE (organisation, name, version),
    UNIQUE (id, unit)
);
CREATE TRIGGER scheme_is_never_edited BEFORE UPDATE OR DELETE ON scheme
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

-- One row holds all purses of one client and is the lock of everything that happens to them.
-- Half of each page is left for new versions of its rows, so that updates touch no index even while a long reader
-- (`pasje verify`) keeps old versions from being cleaned away.
-- Purses in the scheme's unit; credit is own money in bought points, credit_cents own money in euros.
CREATE TABLE wallet (
    id bigint PRIMARY KEY CHECK (id >> 32 BETWEEN 1 AND 32767 AND (id & 4294967295) > 0), -- organisation << 32 | number
    scheme integer NOT NULL,
    unit smallint NOT NULL,
    buyer smallint NOT NULL CHECK (buyer BETWEEN 1 AND 4),                       -- 1 verblijf, 2 VPT, 3 MPT, 4 no Wlz
    status smallint NOT NULL DEFAULT 1 CHECK (status IN (1, 2)),                 -- 1 open, 2 closed
    budget bigint NOT NULL DEFAULT 0,
    budget_held bigint NOT NULL DEFAULT 0,
    reserve bigint NOT NULL DEFAULT 0,
    reserve_held bigint NOT NULL DEFAULT 0,
    savings bigint NOT NULL DEFAULT 0,
    savings_held bigint NOT NULL DEFAULT 0,
    credit bigint NOT NULL DEFAULT 0,
    credit_held bigint NOT NULL DEFAULT 0,
    credit_cents bigint NOT NULL DEFAULT 0,
    credit_cents_held bigint NOT NULL DEFAULT 0,
    FOREIGN KEY (scheme, unit) REFERENCES scheme (id, unit),
    CONSTRAINT wallet_budget CHECK (0 <= budget_held AND budget_held <= budget),
    CONSTRAINT wallet_reserve CHECK (0 <= reserve_held AND reserve_held <= reserve),
    CONSTRAINT wallet_savings CHECK (0 <= savings_held AND savings_held <= savings),
    CONSTRAINT wallet_credit CHECK (0 <= credit_held AND credit_held <= credit AND (unit = 3 OR credit = 0)),
    CONSTRAINT wallet_credit_cents CHECK (0 <= credit_cents_held AND credit_cents_held <= credit_cents)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

CREATE SEQUENCE wallet_number MAXVALUE 4294967295;

-- What all clients of an organisation contribute to and nobody owns.
CREATE TABLE shared_buffer (
    organisation integer NOT NULL REFERENCES organisation,
    unit smallint NOT NULL CHECK (unit IN (1, 2, 3)),
    balance bigint NOT NULL DEFAULT 0 CHECK (balance >= 0),
    PRIMARY KEY (organisation, unit)
);

-- An approved draw on the shared buffer, bounded in time and amount; id is the operation that approved it.
CREATE TABLE buffer_draw (
    id uuid PRIMARY KEY,
    wallet bigint NOT NULL REFERENCES wallet,
    amount bigint NOT NULL CHECK (amount > 0),
    used bigint NOT NULL DEFAULT 0,
    from_date date NOT NULL,
    until_date date NOT NULL,
    CONSTRAINT buffer_draw_used CHECK (0 <= used AND used <= amount),
    CONSTRAINT buffer_draw_dates CHECK (from_date <= until_date)
);
CREATE INDEX buffer_draw_wallet ON buffer_draw (wallet, until_date);

CREATE TABLE card (
    id uuid PRIMARY KEY,
    wallet bigint NOT NULL REFERENCES wallet,
    status smallint NOT NULL DEFAULT 1 CHECK (status IN (1, 2)),                 -- 1 active, 2 blocked
    expires_on date NOT NULL,
    -- the highest counter seen, and which of the 256 below and including it are used (bit 0: the highest)
    last_counter bigint NOT NULL DEFAULT 0 CHECK (last_counter BETWEEN 0 AND 4294967295),
    counter_window bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex') CHECK (octet_length(counter_window) = 32),
    -- activity, extra and own lines only; null is no limit
    tap_limit_cents bigint CHECK (tap_limit_cents >= 0),
    day_limit_cents bigint CHECK (day_limit_cents >= 0),
    day date,
    day_cents bigint NOT NULL DEFAULT 0 CHECK (day_cents >= 0)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX card_wallet ON card (wallet);

-- What is left of a hold, by the account it is set aside on; id is the operation that made it.
CREATE TABLE hold (
    id uuid NOT NULL,
    account bigint NOT NULL CHECK (ledger.account_is_valid(account) AND ledger.kind_of(account) BETWEEN 1 AND 4),
    remaining bigint NOT NULL CHECK (remaining >= 0),
    purpose smallint NOT NULL CHECK (purpose IN (1, 2)),                         -- 1 to be sold, 2 a payout: not for sale
    expires_at timestamptz,
    PRIMARY KEY (id, account)
);
CREATE INDEX hold_open_by_wallet ON hold (ledger.wallet_of(account)) WHERE remaining > 0;
CREATE INDEX hold_open_by_expiry ON hold (expires_at) WHERE remaining > 0;

-- Jobs make ids of their own; this key, inserted with the operation, is what makes them idempotent.
CREATE TABLE month_phase (
    wallet bigint NOT NULL REFERENCES wallet,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    phase smallint NOT NULL CHECK (phase IN (1)),                                -- 1 grant
    operation uuid NOT NULL,
    PRIMARY KEY (wallet, month, phase)
);

-- Own money on its way out: asked, approved by two people, paid. id is the operation that asked.
CREATE TABLE payout (
    id uuid PRIMARY KEY,
    wallet bigint NOT NULL REFERENCES wallet,
    amount_cents bigint NOT NULL CHECK (amount_cents > 0),
    status smallint NOT NULL DEFAULT 1 CHECK (status BETWEEN 1 AND 4),           -- 1 asked, 2 approved, 3 paid, 4 withdrawn
    requested_by uuid NOT NULL
);
CREATE TABLE payout_approval (
    payout uuid NOT NULL REFERENCES payout,
    staff uuid NOT NULL,
    operation uuid NOT NULL,
    PRIMARY KEY (payout, staff)
);

-- Prices by location: a version is immutable, only the moment it was superseded is set once.
CREATE TABLE price_list (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    location uuid NOT NULL REFERENCES location,
    version integer NOT NULL CHECK (version > 0),
    valid_from timestamptz NOT NULL,
    superseded_at timestamptz CHECK (superseded_at >= valid_from),
    UNIQUE (location, version)
);
CREATE FUNCTION refuse_price_list_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.superseded_at IS NULL
       AND (NEW.id, NEW.location, NEW.version, NEW.valid_from) = (OLD.id, OLD.location, OLD.version, OLD.valid_from) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a published price list is never changed' USING ERRCODE = 'restrict_violation', HINT = 'Publish a new version.';
END
$$;
CREATE TRIGGER price_list_is_never_edited BEFORE UPDATE OR DELETE ON price_list
    FOR EACH ROW EXECUTE FUNCTION refuse_price_list_change();

-- The kind of a service depends on who buys; so may its price.
CREATE TABLE price (
    price_list bigint NOT NULL REFERENCES price_list,
    service uuid NOT NULL,
    buyer smallint NOT NULL CHECK (buyer BETWEEN 1 AND 4),
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 5),                         -- 1 care, 2 included, 3 activity, 4 extra, 5 own
    price_cents bigint NOT NULL CHECK (price_cents BETWEEN 0 AND 100000000),
    minutes bigint CHECK (minutes BETWEEN 0 AND 100000000),
    points bigint CHECK (points BETWEEN 0 AND 100000000),                        -- hundredths
    vat_basis_points smallint NOT NULL CHECK (vat_basis_points BETWEEN 0 AND 10000),
    -- care that the client agreed to pay from savings (respite)
    from_savings boolean NOT NULL DEFAULT false,
    PRIMARY KEY (price_list, service, buyer),
    CONSTRAINT price_minutes CHECK (minutes IS NULL OR (minutes = 0) = (price_cents = 0)),
    CONSTRAINT price_points CHECK (points IS NULL OR (points = 0) = (price_cents = 0))
);
CREATE TRIGGER price_is_never_edited BEFORE UPDATE OR DELETE ON price
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
