-- What is agreed with a client: plan lines, who consented to what, and what became of their days.

-- A line is never edited: it is dropped, and another one agreed. Its id ends in 16 zero bits, where the ids of its occurrences
-- have their day.
CREATE TABLE plan_line (
    id uuid PRIMARY KEY CHECK (get_byte(uuid_send(id), 14) = 0 AND get_byte(uuid_send(id), 15) = 0),
    wallet bigint NOT NULL REFERENCES wallet,
    service uuid NOT NULL REFERENCES service,
    performer smallint NOT NULL CHECK (performer BETWEEN 1 AND 5),               -- 1 staff, 2 external, 3 volunteer, 4 family, 5 client
    function text CHECK (length(function) BETWEEN 1 AND 50),                     -- of staff
    performed_by uuid,                                                           -- the staff member, where one is agreed
    staff_count smallint NOT NULL DEFAULT 1 CHECK (staff_count BETWEEN 1 AND 20),
    group_size smallint NOT NULL DEFAULT 1 CHECK (group_size BETWEEN 1 AND 200),
    recurrence text NOT NULL CHECK (length(recurrence) BETWEEN 1 AND 500),       -- iCalendar RRULE
    starts_at timestamp NOT NULL,                                                -- first occurrence, local time
    duration_minutes smallint NOT NULL CHECK (duration_minutes BETWEEN 1 AND 1440),
    -- as agreed, for one occurrence, for this buyer; a price that everybody pays, or 0
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 5),
    price_cents bigint NOT NULL CHECK (price_cents BETWEEN 0 AND 100000000),
    units bigint CHECK (units BETWEEN 0 AND 100000000),                          -- in the wallet's unit; null: no price in it
    vat_basis_points smallint NOT NULL CHECK (vat_basis_points BETWEEN 0 AND 10000),
    from_savings boolean NOT NULL DEFAULT false,
    waiver_reason text CHECK (length(waiver_reason) BETWEEN 1 AND 500),          -- why it costs nothing though it has a price
    waived_cents bigint CHECK (waived_cents > 0),
    -- planned without consent for the first 42 days
    provisional_until date,
    agreed_on date NOT NULL,
    -- the network meeting it was agreed in
    meeting uuid,
    dropped_from date,                                                           -- the first day on which it is not planned any more
    drop_reason text CHECK (length(drop_reason) BETWEEN 1 AND 500),
    consequences_explained_by uuid,                                              -- staff
    consequences_explained_on date,
    added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT plan_line_free CHECK (performer <= 2 OR price_cents = 0),
    CONSTRAINT plan_line_units CHECK (units IS NULL OR (units = 0) = (price_cents = 0)),
    CONSTRAINT plan_line_waiver CHECK ((waiver_reason IS NULL) = (waived_cents IS NULL) AND (waiver_reason IS NULL OR price_cents = 0)),
    CONSTRAINT plan_line_dropped CHECK ((dropped_from IS NULL) = (drop_reason IS NULL) AND (dropped_from IS NULL) = (consequences_explained_by IS NULL)
        AND (dropped_from IS NULL) = (consequences_explained_on IS NULL))
);
CREATE INDEX plan_line_wallet ON plan_line (wallet);

CREATE FUNCTION refuse_plan_line_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.dropped_from IS NULL
       AND (to_jsonb(NEW) - ARRAY['dropped_from', 'drop_reason', 'consequences_explained_by', 'consequences_explained_on'])
         = (to_jsonb(OLD) - ARRAY['dropped_from', 'drop_reason', 'consequences_explained_by', 'consequences_explained_on']) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a plan line is dropped once, and never changed or removed' USING ERRCODE = 'restrict_violation', HINT = 'Agree another line.';
END
$$;
CREATE TRIGGER plan_line_is_dropped_once BEFORE UPDATE OR DELETE ON plan_line
    FOR EACH ROW EXECUTE FUNCTION refuse_plan_line_change();

-- Consent to a line's price: the price shown, alternatives asked, signed by the client or who may speak for the client.
CREATE TABLE plan_consent (
    line uuid PRIMARY KEY REFERENCES plan_line,
    representative uuid REFERENCES representative,                               -- null: the client
    -- what was shown: a scheme without euros shows units alone
    price_shown_cents bigint CHECK (price_shown_cents >= 0),
    units_shown bigint CHECK (units_shown >= 0),
    alternatives_asked boolean NOT NULL CHECK (alternatives_asked),
    signed_on date NOT NULL,
    recorded_by uuid NOT NULL,                                                   -- staff
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT plan_consent_shown CHECK (price_shown_cents IS NOT NULL OR units_shown IS NOT NULL)
);

-- A meeting of the client's network, four a year, with what was agreed (Norschoten).
CREATE TABLE network_meeting (
    id uuid PRIMARY KEY,
    wallet bigint NOT NULL REFERENCES wallet,
    held_on date NOT NULL,
    present text NOT NULL CHECK (length(present) BETWEEN 1 AND 500),
    agreed text NOT NULL CHECK (length(agreed) BETWEEN 1 AND 5000),
    UNIQUE (wallet, held_on)
);

-- Reviews of the plan: twice a year, and six weeks after arrival.
CREATE TABLE plan_review (
    wallet bigint NOT NULL REFERENCES wallet,
    held_on date NOT NULL,
    held_by uuid NOT NULL,
    PRIMARY KEY (wallet, held_on)
);

-- The secret address of a client's agenda: only what it hashes to stands here. Withdrawn, it shows nothing any more.
CREATE TABLE agenda_address (
    secret_hash bytea PRIMARY KEY CHECK (octet_length(secret_hash) = 32),
    wallet bigint NOT NULL REFERENCES wallet,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    withdrawn_at timestamptz
);
CREATE INDEX agenda_address_wallet ON agenda_address (wallet);

-- Away from the facility. Planned care of absent days comes back.
CREATE TABLE absence (
    id uuid PRIMARY KEY,
    wallet bigint NOT NULL REFERENCES wallet,
    kind smallint NOT NULL CHECK (kind IN (1, 2)),                               -- 1 medical, 2 holiday
    left_on date NOT NULL,
    returned_on date,                                                            -- null: not back yet
    permitted_until date,                                                        -- a recorded permission to be funded for longer
    withdrawn_at timestamptz,                                                    -- entered by mistake
    told_on date NOT NULL DEFAULT current_date,                                  -- the organisation's day
    CONSTRAINT absence_dates CHECK (left_on <= returned_on)
);
CREATE INDEX absence_wallet ON absence (wallet);

-- How long absence is funded, by delivery form, from a day on (Wlz). Not there: the values of the first row of the form.
CREATE TABLE absence_setting (
    organisation integer NOT NULL REFERENCES organisation,
    delivery smallint NOT NULL CHECK (delivery BETWEEN 1 AND 3),
    from_date date NOT NULL,
    medical_days smallint NOT NULL CHECK (medical_days >= 0),                    -- unbroken
    holiday_days_each smallint NOT NULL CHECK (holiday_days_each >= 0),
    holiday_days_year smallint NOT NULL CHECK (holiday_days_year >= 0),          -- a calendar year
    holiday_after_days smallint NOT NULL CHECK (holiday_after_days >= 0),        -- of stay
    source text NOT NULL CHECK (length(source) BETWEEN 1 AND 200),
    PRIMARY KEY (organisation, delivery, from_date)
);

-- Why a planned day was not delivered, or is not to be paid. One mark a day; the bits in plan_month say what became of it.
CREATE TABLE occurrence_mark (
    line uuid NOT NULL REFERENCES plan_line,
    day date NOT NULL,
    mark smallint NOT NULL CHECK (mark BETWEEN 1 AND 4),                         -- 1 absent, 2 refused, 3 not delivered, 4 corrected after it was paid
    reason text CHECK (length(reason) BETWEEN 1 AND 500),
    marked_by uuid,
    marked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (line, day)
);
