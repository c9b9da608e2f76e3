-- How a terminal gets its key: it hands in a public key, an administrator accepts the code made of it, and the answer lies
-- here, sealed to that key, until the terminal fetched it or the code expires.
CREATE TABLE enrolment (
    code text PRIMARY KEY CONSTRAINT enrolment_code CHECK (code ~ '^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$'),
    public_key bytea NOT NULL UNIQUE CHECK (octet_length(public_key) = 32),
    -- the CA of the service that the terminal talks to, as PEM: who accepts may sit at another machine
    ca text CHECK (length(ca) <= 16384),
    began_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    terminal uuid REFERENCES terminal,
    encapsulated bytea CHECK (octet_length(encapsulated) = 32),
    sealed bytea CHECK (octet_length(sealed) BETWEEN 17 AND 32768),
    CONSTRAINT enrolment_accepted CHECK ((terminal IS NULL) = (encapsulated IS NULL) AND (terminal IS NULL) = (sealed IS NULL))
);
CREATE INDEX enrolment_expires ON enrolment (expires_at);
CREATE INDEX enrolment_terminal ON enrolment (terminal);

-- Forgets what expired; answers whether there is room for one more. Where there are a thousand, the oldest that nobody
-- accepted goes, if it had a minute: a flood keeps nobody out for longer, and nobody's code goes sooner.
-- Runs as its owner: the service deletes nothing by itself.
CREATE FUNCTION make_room_for_enrolment() RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM public.enrolment WHERE expires_at <= now();
    IF (SELECT count(*) FROM public.enrolment) < 1000 THEN
        RETURN true;
    END IF;
    DELETE FROM public.enrolment WHERE code = (
        SELECT code FROM public.enrolment WHERE terminal IS NULL AND began_at <= now() - interval '1 minute'
        ORDER BY began_at LIMIT 1 FOR UPDATE SKIP LOCKED);
    RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION make_room_for_enrolment() FROM PUBLIC;

-- What a terminal says of itself in its heartbeat.
ALTER TABLE terminal
    ADD COLUMN last_seen_at timestamptz,
    ADD COLUMN journal_last bigint NOT NULL DEFAULT 0 CONSTRAINT terminal_journal_last CHECK (journal_last >= 0),
    ADD COLUMN journal_waiting bigint NOT NULL DEFAULT 0 CONSTRAINT terminal_journal_waiting CHECK (journal_waiting >= 0),
    ADD COLUMN software text CONSTRAINT terminal_software CHECK (length(software) <= 50);
