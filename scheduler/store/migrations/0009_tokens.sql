-- Tokens, by which clients say who they are. `uids` is a JSON array; `digest` is the SHA-256 of the
-- secret, in hexadecimal: the secret itself is nowhere.

CREATE TABLE tokens (
    id text
        COLLATE "C" -- PostgreSQL only
        PRIMARY KEY,
    digest text NOT NULL CHECK (length(digest) = 64),
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'user', 'operator', 'admin')),
    uids text NOT NULL,
    created_at bigint NOT NULL,
    created_by text,
    expires_at bigint,
    used_at bigint,
    revoked_at bigint
);

CREATE INDEX tokens_by_age ON tokens (created_at, id);
