-- Months: what each brought a client, what is planned, held and done in it, and how it was closed.

-- The month that a wallet is in: what is booked belongs to it. Null: no month was opened for it yet. A month that is closed
-- is left for the next, and nothing can be booked into it any more.
ALTER TABLE wallet ADD COLUMN month date CONSTRAINT wallet_month CHECK (extract(day FROM month) = 1);
ALTER TABLE ledger.operation ADD COLUMN month date;

ALTER TABLE month_phase DROP CONSTRAINT month_phase_phase_check;
ALTER TABLE month_phase ADD CONSTRAINT month_phase_phase CHECK (phase BETWEEN 1 AND 3); -- 1 grant, 2 holds, 3 close
-- null: there was nothing to book
ALTER TABLE month_phase ALTER COLUMN operation DROP NOT NULL;

-- What is held of a month's plan: given back occurrence by occurrence, and no sale's to give back as a whole.
ALTER TABLE hold DROP CONSTRAINT hold_purpose;
ALTER TABLE hold ADD CONSTRAINT hold_purpose CHECK (purpose BETWEEN 1 AND 4);    -- 1 to be sold, 2 a payout, 3 of a card, 4 of a month
ALTER TABLE hold ADD CONSTRAINT hold_of_month_stays CHECK (purpose <> 4 OR expires_at IS NULL);

-- What a month was granted, and how it was computed: revision 0 at its opening, later ones by correction. Amounts as the
-- scheme computes them: gross, deductions, collective and the three parts in cents, or in an hours scheme in minutes; reserve,
-- buffer and budget in the wallet's unit; rounding in cents.
CREATE TABLE month_grant (
    wallet bigint NOT NULL REFERENCES wallet,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    revision smallint NOT NULL CHECK (revision >= 0),
    scheme integer NOT NULL REFERENCES scheme,
    operation uuid,                                                              -- null: there was nothing to book
    -- why it is provisional: 1 overlapping indications, 2 no hours, 3 no tariff, 4 ambiguous tariff, 5 deductions exceed tariff,
    -- 6 amounts out of range, 7 the scheme has no rules
    data_error smallint CHECK (data_error BETWEEN 1 AND 7),
    error_day date,
    funded_days smallint NOT NULL CHECK (funded_days BETWEEN 0 AND 31),
    gross bigint NOT NULL CHECK (gross >= 0),
    deductions bigint[] NOT NULL,                                                -- in the scheme's order
    collective bigint NOT NULL CHECK (collective >= 0),
    reserve_part bigint NOT NULL CHECK (reserve_part >= 0),
    buffer_part bigint NOT NULL CHECK (buffer_part >= 0),
    budget_part bigint NOT NULL CHECK (budget_part >= 0),
    reserve bigint NOT NULL CHECK (reserve >= 0),
    buffer bigint NOT NULL CHECK (buffer >= 0),
    budget bigint NOT NULL CHECK (budget >= 0),
    rounding bigint NOT NULL CHECK (rounding >= 0),
    PRIMARY KEY (wallet, month, revision)
);
CREATE TRIGGER month_grant_is_never_edited BEFORE UPDATE OR DELETE ON month_grant
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

-- One plan line in one month. Bit n - 1 is day n. A day is done (sold or captured) or released (absent, refused, not delivered,
-- dropped), never both; held days have their units in the wallet's hold of the month. No foreign keys: opening a month writes
-- ten rows a client, and each key would be looked up and locked in a row that is never removed. `pasje verify` proves both.
CREATE TABLE plan_month (
    wallet bigint NOT NULL,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    line uuid NOT NULL,
    planned integer NOT NULL,
    held integer NOT NULL DEFAULT 0,
    done integer NOT NULL DEFAULT 0,
    released integer NOT NULL DEFAULT 0,
    PRIMARY KEY (wallet, month, line),
    CONSTRAINT plan_month_planned CHECK (planned > 0),
    CONSTRAINT plan_month_held CHECK (held & ~planned = 0),
    CONSTRAINT plan_month_done CHECK (done & ~planned = 0),
    CONSTRAINT plan_month_released CHECK (released & ~planned = 0),
    CONSTRAINT plan_month_once CHECK (done & released = 0)
) WITH (fillfactor = 70);

-- How a wallet's month ended, frozen: what each purse had when it was opened and when it was closed, and what came and went
-- meanwhile by flow. In the order budget, reserve, savings, credit, credit_cents.
CREATE TABLE month_statement (
    wallet bigint NOT NULL REFERENCES wallet,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    operation uuid,                                                              -- that closed it; null: nothing was left to book
    opening bigint[] NOT NULL CHECK (cardinality(opening) = 5),
    closing bigint[] NOT NULL CHECK (cardinality(closing) = 5),
    -- by flow and purse, {flow, purse 1..5, came, went}, one after the other
    moved bigint[] NOT NULL CHECK (cardinality(moved) % 4 = 0),
    closed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (wallet, month)
);
CREATE TRIGGER month_statement_is_never_edited BEFORE UPDATE OR DELETE ON month_statement
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

-- What a human has to do: no free text but how it was done.
CREATE TABLE task (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation integer NOT NULL REFERENCES organisation,
    wallet bigint NOT NULL REFERENCES wallet,
    month date NOT NULL,
    -- 1 data error, 2 red, 3 expected overrun, 4 loss in 14 days, 5 loss in 3 days, 6 review due, 7 consent missing
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 7),
    amount bigint,                                                               -- of the wallet's unit, where there is one
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at timestamptz,
    done_by text CHECK (length(done_by) BETWEEN 1 AND 200),
    how text CHECK (length(how) BETWEEN 1 AND 2000),
    CONSTRAINT task_done CHECK ((done_at IS NULL) = (done_by IS NULL) AND (done_at IS NULL) = (how IS NULL)),
    UNIQUE (wallet, month, kind)
);
CREATE INDEX task_open ON task (organisation, id) WHERE done_at IS NULL;

-- Days that the daily job has been through, by organisation.
CREATE TABLE captured_day (
    organisation integer NOT NULL REFERENCES organisation,
    day date NOT NULL,
    done_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- whether what is done once after a day was done too: corrections, tasks
    is_kept boolean NOT NULL DEFAULT false,
    PRIMARY KEY (organisation, day)
);

-- Own money of who left goes out by payouts: the office lists those that wait, and a client's.
CREATE INDEX payout_open ON payout ((wallet >> 32), id) WHERE status <= 2;
CREATE INDEX payout_of_organisation ON payout ((wallet >> 32), id);
CREATE INDEX payout_of_wallet ON payout (wallet, id);
