-- What a budget follows from: schemes with all their rules, contracted tariffs, what clients are indicated for, who acts for
-- them, and what services are and cost for each buyer. All of it comes in as files (`pasje import`) or over the API.

-- The file that a version was made from. Rows of before there were files have none, and no month can be opened by them.
ALTER TABLE scheme ADD COLUMN source text CONSTRAINT scheme_source CHECK (length(source) BETWEEN 1 AND 65536);

-- From which month on a version is used: a wallet of the scheme moves to it when that month is opened.
CREATE TABLE scheme_start (
    scheme integer PRIMARY KEY REFERENCES scheme,
    month date NOT NULL CHECK (extract(day FROM month) = 1)
);

-- Cents a day for a product code in a period, as contracted.
CREATE TABLE tariff (
    organisation integer NOT NULL REFERENCES organisation,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 50),
    profile text NOT NULL CHECK (length(profile) BETWEEN 1 AND 50),              -- ZZP code
    delivery smallint NOT NULL CHECK (delivery BETWEEN 1 AND 3),                 -- 1 verblijf, 2 VPT, 3 MPT
    treatment boolean NOT NULL,
    day_activities boolean NOT NULL,
    from_date date NOT NULL,
    to_date date,                                                                -- the last day; null: none
    day_cents bigint NOT NULL CHECK (day_cents BETWEEN 0 AND 100000000),
    source text NOT NULL CHECK (length(source) BETWEEN 1 AND 200),               -- where it stands
    PRIMARY KEY (organisation, profile, delivery, treatment, day_activities, from_date),
    CONSTRAINT tariff_period CHECK (from_date <= to_date)
);

-- Two tariffs for one day are no tariff: whoever adds or changes one waits for whoever does so too.
CREATE FUNCTION refuse_overlapping_tariff() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7215207, NEW.organisation);
    IF EXISTS (SELECT FROM tariff AS t
               WHERE (t.organisation, t.profile, t.delivery, t.treatment, t.day_activities)
                   = (NEW.organisation, NEW.profile, NEW.delivery, NEW.treatment, NEW.day_activities)
                 AND t.from_date <> NEW.from_date
                 AND daterange(t.from_date, t.to_date, '[]') && daterange(NEW.from_date, NEW.to_date, '[]')) THEN
        RAISE EXCEPTION 'two tariffs for one day' USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'tariff_overlap';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER tariff_does_not_overlap AFTER INSERT OR UPDATE ON tariff
    FOR EACH ROW EXECUTE FUNCTION refuse_overlapping_tariff();

-- What a client is indicated for. Two that cover one day are a data error that the month's opening tells, not an import that
-- fails: the card goes on.
CREATE TABLE indication (
    wallet bigint NOT NULL REFERENCES wallet,
    from_date date NOT NULL,
    to_date date,
    profile text NOT NULL CHECK (length(profile) BETWEEN 1 AND 50),
    delivery smallint NOT NULL CHECK (delivery BETWEEN 1 AND 3),
    treatment boolean NOT NULL,
    day_activities boolean NOT NULL,
    PRIMARY KEY (wallet, from_date),
    CONSTRAINT indication_period CHECK (from_date <= to_date)
);

-- A client's dated extra (meerzorg).
CREATE TABLE addition (
    wallet bigint NOT NULL REFERENCES wallet,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 50),
    from_date date NOT NULL,
    to_date date,
    day_cents bigint NOT NULL CHECK (day_cents BETWEEN 0 AND 100000000),
    PRIMARY KEY (wallet, code, from_date),
    CONSTRAINT addition_period CHECK (from_date <= to_date)
);

-- Personal data: where a client lives, who supports.
ALTER TABLE client
    ADD COLUMN location uuid REFERENCES location,
    ADD COLUMN arrived_on date,
    ADD COLUMN left_on date CONSTRAINT client_left CHECK (left_on >= arrived_on),
    -- the staff member who supports this client, and so gives this client no care
    ADD COLUMN supporter uuid;

-- Who acts for a client, per subject; or only pays in.
CREATE TABLE representative (
    id uuid PRIMARY KEY,
    wallet bigint NOT NULL REFERENCES wallet,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    role smallint NOT NULL CHECK (role BETWEEN 1 AND 6),                         -- 1 curator, 2 bewindvoerder, 3 mentor, 4 gemachtigde, 5 family, 6 depositor
    for_money boolean NOT NULL,
    for_care boolean NOT NULL,
    email text CHECK (length(email) BETWEEN 3 AND 254),
    from_date date NOT NULL,
    to_date date,
    CONSTRAINT representative_period CHECK (from_date <= to_date),
    -- a bewindvoerder has no say in care, a mentor none in money, a depositor none in either
    CONSTRAINT representative_subject CHECK (
        NOT (role = 2 AND for_care) AND NOT (role = 3 AND for_money) AND (role <> 6 OR NOT for_care AND NOT for_money)),
    UNIQUE (wallet, name, role, from_date)
);

ALTER TABLE service
    ADD COLUMN code text CONSTRAINT service_code CHECK (length(code) BETWEEN 1 AND 50),
    -- the staff function that performs it, where nobody says otherwise
    ADD COLUMN function text CONSTRAINT service_function CHECK (length(function) BETWEEN 1 AND 50),
    ADD COLUMN vat_basis_points smallint CONSTRAINT service_vat CHECK (vat_basis_points BETWEEN 0 AND 10000),
    -- how many of it a day the package includes; null: no bound
    ADD COLUMN included_per_day smallint CONSTRAINT service_included CHECK (included_per_day BETWEEN 1 AND 100),
    -- care that a client may agree to pay from savings (respite)
    ADD COLUMN from_savings boolean NOT NULL DEFAULT false,
    -- an extra is sold only when the client council agreed and it was published (Wlz)
    ADD COLUMN council_agreed_on date,
    ADD COLUMN published_on date,
    ADD CONSTRAINT service_code_once UNIQUE (organisation, code);

-- What a service is for each buyer; not there: not sold to this buyer.
CREATE TABLE service_kind (
    service uuid NOT NULL REFERENCES service,
    buyer smallint NOT NULL CHECK (buyer BETWEEN 1 AND 6),                       -- 1 verblijf, 2 VPT, 3 MPT, 4 no Wlz, 5 guest, 6 staff
    kind smallint NOT NULL CHECK (kind BETWEEN 0 AND 5),                         -- 0: not sold to this buyer any more
    PRIMARY KEY (service, buyer),
    -- for guests and staff nothing is public money
    CONSTRAINT service_kind_public CHECK (buyer <= 4 OR kind IN (0, 5)),
    CONSTRAINT service_kind_no_wlz CHECK (buyer <> 4 OR kind NOT IN (1, 2))
);

-- What one of a service costs when this function performs it, from a day on, the same for everyone.
CREATE TABLE service_price (
    service uuid NOT NULL REFERENCES service,
    function text NOT NULL CHECK (length(function) <= 50),                       -- '' where the service has none
    from_date date NOT NULL,
    price_cents bigint NOT NULL CHECK (price_cents BETWEEN 0 AND 100000000),
    minutes bigint CHECK (minutes BETWEEN 0 AND 100000000),
    points bigint CHECK (points BETWEEN 0 AND 100000000),                        -- hundredths
    -- why its points are not ceil(price x 100 / value of a point)
    points_reason text CHECK (length(points_reason) BETWEEN 1 AND 500),
    PRIMARY KEY (service, function, from_date),
    CONSTRAINT service_price_minutes CHECK (minutes IS NULL OR (minutes = 0) = (price_cents = 0)),
    CONSTRAINT service_price_points CHECK (points IS NULL OR (points = 0) = (price_cents = 0))
);

-- Price lists know guests and staff from now on, and how many a day are included.
ALTER TABLE price DROP CONSTRAINT price_buyer_check;
ALTER TABLE price
    ADD CONSTRAINT price_buyer CHECK (buyer BETWEEN 1 AND 6),
    ADD COLUMN included_per_day smallint CONSTRAINT price_included CHECK (included_per_day IS NULL OR kind = 2 AND included_per_day BETWEEN 1 AND 100);
