-- Sessions of browsers, each with the rights of the token by which somebody has logged in. `digest`
-- is the SHA-256 of the cookie's text, in hexadecimal.

CREATE TABLE sessions (
    digest text PRIMARY KEY CHECK (length(digest) = 64),
    token_id text
        COLLATE "C" -- PostgreSQL only
        NOT NULL REFERENCES tokens (id),
    created_at bigint NOT NULL,
    used_at bigint NOT NULL
);
