-- Who asks besides terminals: an organisation's other systems, each with a key of its own and what it may be used for.

-- The key is derived from the key store's secret, the id and this salt, as a terminal's is: no key stands in the database.
CREATE TABLE integration_key (
    id uuid PRIMARY KEY,
    organisation integer NOT NULL REFERENCES organisation,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    scopes text[] NOT NULL,
    key_salt bytea NOT NULL CHECK (octet_length(key_salt) = 16),
    added_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT integration_key_scopes CHECK (cardinality(scopes) BETWEEN 1 AND 50 AND array_position(scopes, NULL) IS NULL),
    CONSTRAINT integration_key_expires CHECK (expires_at > added_at)
);
CREATE INDEX integration_key_organisation ON integration_key (organisation);
