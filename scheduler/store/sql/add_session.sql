-- Store a session; one that is stored already, by a call whose answer was lost, is left as it is.
-- $1 digest
-- $2 token_id
-- $3 at (ms since 1970)
INSERT INTO sessions (digest, token_id, created_at, used_at)
VALUES ($1, $2, $3, $3)
ON CONFLICT (digest) DO NOTHING
RETURNING digest
