-- The ledger: append-only, double entry by construction. An operation is a header, its lines and its transfers;
-- a transfer is one row with a debit account (pays), a credit account (receives) and a positive amount.
--
-- All four tables are partitioned alike on id by UUIDv7 month, so a row's id tells its partition. No foreign keys:
-- `pasje verify` proves what they would, and the hot path does not pay for them. No free text, no client.

CREATE SEQUENCE ledger.batch;

-- The first statement of every transaction that books. The shared lock is what day close, month close and the
-- sealer wait for when they take it exclusively; the date and the number come after it, so nothing can commit
-- later into a day or a batch that they have closed.
CREATE FUNCTION ledger.begin_batch(OUT batch bigint, OUT booked_at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    -- No transaction of ours takes so long: a lock that is not had by then is a fault, and the caller is told.
    PERFORM set_config('lock_timeout', '5s', true);
    PERFORM pg_advisory_xact_lock_shared(7215201);
    batch := nextval('ledger.batch');
    booked_at := clock_timestamp();
END
$$;

CREATE TABLE ledger.operation (
    id uuid NOT NULL,
    wallet bigint NOT NULL,              -- organisation << 32 | wallet number; number 0: the organisation itself
    kind smallint NOT NULL,
    outcome smallint NOT NULL,
    authority smallint NOT NULL,         -- 1 card, 2 card offline, 3 staff by name, 4 office, 5 job
    request_hash bytea,                  -- null: a tombstone, stored for an id whose request never came
    book_date date NOT NULL,
    batch bigint NOT NULL,
    booked_at timestamptz NOT NULL,
    terminal uuid,
    location uuid,
    staff uuid,
    card uuid,
    counter bigint,                      -- the card's counter, if this operation used it up
    price_list integer,                  -- the version that priced the lines
    reference uuid,                      -- the operation that this one undoes, captures, approves or replaces
    unit_value_cents bigint,             -- cents a point or an hour, of a grant or an exchange
    PRIMARY KEY (id),
    CONSTRAINT operation_codes CHECK (kind > 0 AND outcome > 0 AND authority BETWEEN 1 AND 5),
    CONSTRAINT operation_organisation CHECK (wallet >> 32 BETWEEN 1 AND 32767),
    CONSTRAINT operation_request_hash CHECK (octet_length(request_hash) = 32),
    CONSTRAINT operation_counter CHECK (counter IS NULL OR card IS NOT NULL)
) PARTITION BY RANGE (id);
CREATE INDEX operation_wallet ON ledger.operation (wallet, id);

CREATE TABLE ledger.line (
    id uuid NOT NULL,
    line smallint NOT NULL,
    service uuid NOT NULL,
    quantity integer NOT NULL,
    kind smallint,                       -- null: the price list did not know the service
    price_cents bigint NOT NULL,         -- of the whole line
    units bigint,                        -- of the whole line in the wallet's unit; null: no price in that unit
    vat_basis_points smallint NOT NULL,
    planned boolean NOT NULL,
    from_savings boolean NOT NULL,
    left_out smallint,                   -- why nothing was paid and nothing delivered
    hold uuid,                           -- the hold it gave back first
    book_date date NOT NULL,
    batch bigint NOT NULL,
    PRIMARY KEY (id, line),
    CONSTRAINT line_number CHECK (line >= 0),
    CONSTRAINT line_quantity CHECK (quantity > 0),
    CONSTRAINT line_price CHECK (price_cents >= 0 AND units >= 0),
    CONSTRAINT line_kind CHECK (kind BETWEEN 1 AND 5),
    CONSTRAINT line_known CHECK (kind IS NOT NULL OR left_out IS NOT NULL)
) PARTITION BY RANGE (id);

CREATE TABLE ledger.transfer (
    id uuid NOT NULL,
    leg smallint NOT NULL,
    line smallint,                       -- the line it pays or gives back; null: not a sale's
    flow smallint NOT NULL,
    why smallint NOT NULL,
    debit bigint NOT NULL,
    credit bigint NOT NULL,
    amount bigint NOT NULL,
    book_date date NOT NULL,
    batch bigint NOT NULL,
    PRIMARY KEY (id, leg),
    CONSTRAINT transfer_amount CHECK (amount > 0),
    CONSTRAINT transfer_one_organisation CHECK (debit >> 48 = credit >> 48),
    CONSTRAINT transfer_one_unit CHECK ((debit >> 8) & 255 = (credit >> 8) & 255),
    CONSTRAINT transfer_one_wallet CHECK (
        (debit >> 16) & 4294967295 = 0 OR (credit >> 16) & 4294967295 = 0 OR debit >> 16 = credit >> 16)
) PARTITION BY RANGE (id);

-- What ledger.account_is_valid and ledger.flow_allows say, with their constants in place: see the first migration.
DO $$
BEGIN
    EXECUTE format('ALTER TABLE ledger.transfer
        ADD CONSTRAINT transfer_accounts CHECK (
            debit >> 48 > 0 AND credit >> 48 > 0
            AND ((debit & 255) BETWEEN 1 AND 4) = (((debit >> 16) & 4294967295) <> 0)
            AND ((credit & 255) BETWEEN 1 AND 4) = (((credit >> 16) & 4294967295) <> 0)
            AND (debit & 65535) = ANY (%1$L::bigint[]) AND (credit & 65535) = ANY (%1$L::bigint[])),
        ADD CONSTRAINT transfer_flow CHECK (
            ((flow::bigint << 16) | ((debit & 255) << 8) | (credit & 255)) = ANY (%2$L::bigint[]))',
        ledger.valid_units(), ledger.valid_pairs());
END
$$;

-- What an operation set aside (+) or gave back (-) on an account: a hold moves no money, so it is no transfer.
CREATE TABLE ledger.hold_entry (
    id uuid NOT NULL,
    entry smallint NOT NULL,
    hold uuid NOT NULL,
    account bigint NOT NULL,
    amount bigint NOT NULL,
    book_date date NOT NULL,
    batch bigint NOT NULL,
    PRIMARY KEY (id, entry),
    CONSTRAINT hold_entry_amount CHECK (amount <> 0),
    CONSTRAINT hold_entry_account CHECK (ledger.account_is_valid(account) AND ledger.kind_of(account) BETWEEN 1 AND 4)
) PARTITION BY RANGE (id);

-- Row triggers reach partitions through the parent; a TRUNCATE trigger does not and is made with each partition.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['operation', 'line', 'transfer', 'hold_entry'] LOOP
        EXECUTE format('CREATE TRIGGER is_append_only BEFORE UPDATE OR DELETE ON ledger.%I
                        FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change()', name);
        EXECUTE format('CREATE TRIGGER is_never_truncated BEFORE TRUNCATE ON ledger.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', name);
    END LOOP;
END
$$;

-- The partitions of one month. Not for the service's login: it goes through make_partitions.
CREATE FUNCTION ledger.make_month(month date) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text;
    partition text;
    made boolean := false;
BEGIN
    FOREACH name IN ARRAY ARRAY['operation', 'line', 'transfer', 'hold_entry'] LOOP
        partition := name || to_char(month, '_YYYY_MM');
        CONTINUE WHEN to_regclass(format('ledger.%I', partition)) IS NOT NULL;
        EXECUTE format('CREATE TABLE ledger.%I PARTITION OF ledger.%I FOR VALUES FROM (%L) TO (%L)', partition, name,
                       ledger.month_floor(month), ledger.month_floor((month + interval '1 month')::date));
        EXECUTE format('CREATE TRIGGER is_never_truncated BEFORE TRUNCATE ON ledger.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', partition);
        made := true;
    END LOOP;
    RETURN made;
END
$$;

-- Makes what is missing from two months back (an id may be 35 days old) to `until`, at most 24 months ahead.
-- Runs as its owner, so that the service needs no right to create tables.
CREATE FUNCTION ledger.make_partitions(until date) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    this_month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
    month date;
    made integer := 0;
BEGIN
    IF until IS NULL OR until > (this_month + interval '24 months')::date THEN
        RAISE EXCEPTION 'partitions are made at most 24 months ahead' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(7215202);
    FOR month IN SELECT generate_series(this_month - interval '2 months', until, interval '1 month')::date LOOP
        made := made + ledger.make_month(month)::integer;
    END LOOP;
    RETURN made;
END
$$;
REVOKE ALL ON FUNCTION ledger.make_partitions(date), ledger.make_month(date) FROM PUBLIC;

-- The last month, by its first day, for which every table has a partition without a gap from this month on.
CREATE FUNCTION ledger.partitions_until() RETURNS date
    STABLE LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT max(month)::date FROM (
        SELECT month, bool_and(complete) OVER (ORDER BY month) AS unbroken FROM (
            SELECT month, (SELECT count(*) = 4 FROM unnest(ARRAY['operation', 'line', 'transfer', 'hold_entry']) AS name
                           WHERE to_regclass(format('ledger.%I', name || to_char(month, '_YYYY_MM'))) IS NOT NULL) AS complete
            FROM generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'),
                                 date_trunc('month', now() AT TIME ZONE 'UTC') + interval '24 months', interval '1 month') AS month
        ) AS months
    ) AS run WHERE unbroken
$$;
