-- What terminals sold offline and sent later: stored first, judged afterwards; and what a human has to look at.

-- A terminal's journal, record by record, with the very bytes that the terminal wrote. Nothing of it is ever changed but
-- what it was judged to.
CREATE TABLE forward (
    terminal uuid NOT NULL REFERENCES terminal,
    sequence bigint NOT NULL CHECK (sequence > 0),
    previous bytea NOT NULL CHECK (octet_length(previous) = 32),                 -- the hash of the record before; of the first: zeros
    hash bytea NOT NULL,
    sale bytea NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The id that the sale is or will be booked under: the record's own, or one of the service's making where the record's
    -- lies outside the window. Null: no id can be read. It is written before anything is booked under it.
    operation uuid,
    -- The record's own id, where it is another.
    sent_as uuid,
    -- As the ledger has it; null where nothing was booked, not a decline either.
    outcome smallint,
    judged_at timestamptz,
    PRIMARY KEY (terminal, sequence),
    CONSTRAINT forward_hash CHECK (hash = sha256(previous || int8send(sequence) || sale)),
    CONSTRAINT forward_judged CHECK (outcome IS NULL OR judged_at IS NOT NULL AND operation IS NOT NULL),
    CONSTRAINT forward_sent_as CHECK (sent_as IS NULL OR operation IS NOT NULL AND sent_as <> operation)
);
CREATE INDEX forward_pending ON forward (terminal, sequence) WHERE judged_at IS NULL;
CREATE INDEX forward_sent_as ON forward (sent_as) WHERE sent_as IS NOT NULL;

CREATE FUNCTION refuse_forward_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.judged_at IS NULL
       AND (NEW.terminal, NEW.sequence, NEW.previous, NEW.hash, NEW.sale, NEW.received_at)
         = (OLD.terminal, OLD.sequence, OLD.previous, OLD.hash, OLD.sale, OLD.received_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a forwarded record is judged once, and never changed or removed' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER forward_is_judged_once BEFORE UPDATE OR DELETE ON forward
    FOR EACH ROW EXECUTE FUNCTION refuse_forward_change();

-- The review queue: what the service could not end by itself. Free text stands here and not in the ledger; no client is
-- named. Opened once for each record and reason, or where no journal has it for each operation and reason; settled once.
CREATE TABLE review (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation integer NOT NULL REFERENCES organisation,
    terminal uuid NOT NULL,
    sequence bigint,                                                             -- in its journal; of a capture: none
    why smallint NOT NULL CHECK (why BETWEEN 1 AND 13),
    operation uuid,                                                              -- what the ledger has of it
    loss_cents bigint CHECK (loss_cents > 0),                                    -- of an offline loss
    record bytea,                                                                -- what did not fit the journal; of a capture: its lines
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    settled_at timestamptz,
    settlement smallint CHECK (settlement BETWEEN 1 AND 3),                      -- 1 written off, 2 from own money, 3 handled
    settled_by text CHECK (length(settled_by) BETWEEN 1 AND 200),
    reason text CHECK (length(reason) BETWEEN 1 AND 2000),                       -- or who consented, and when
    settled_with uuid,                                                           -- the operation that took it from own money
    UNIQUE (terminal, sequence, why),
    CONSTRAINT review_of_capture CHECK ((why = 13) = (sequence IS NULL) AND (why <> 13 OR operation IS NOT NULL AND record IS NOT NULL)),
    CONSTRAINT review_loss CHECK ((why = 1) = (loss_cents IS NOT NULL) AND (why <> 1 OR operation IS NOT NULL)),
    CONSTRAINT review_settled CHECK (
        (settled_at IS NULL) = (settlement IS NULL) AND (settled_at IS NULL) = (settled_by IS NULL)
        AND (settled_at IS NULL) = (reason IS NULL)),
    CONSTRAINT review_settlement CHECK ((settlement IS NOT DISTINCT FROM 2) = (settled_with IS NOT NULL)
        AND (settlement IS NULL OR (settlement = 3) = (why <> 1)))
);
CREATE INDEX review_open ON review (id) WHERE settled_at IS NULL;
CREATE UNIQUE INDEX review_of_operation ON review (operation, why) WHERE sequence IS NULL;

CREATE FUNCTION refuse_review_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.settled_at IS NULL
       AND (NEW.id, NEW.organisation, NEW.terminal, NEW.why, NEW.opened_at)
         = (OLD.id, OLD.organisation, OLD.terminal, OLD.why, OLD.opened_at)
       AND (NEW.sequence, NEW.operation, NEW.loss_cents, NEW.record)
           IS NOT DISTINCT FROM (OLD.sequence, OLD.operation, OLD.loss_cents, OLD.record) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a review is settled once, and never changed or removed' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER review_is_settled_once BEFORE UPDATE OR DELETE ON review
    FOR EACH ROW EXECUTE FUNCTION refuse_review_change();
