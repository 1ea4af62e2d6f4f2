-- Store a token; one that is stored already, by a call whose answer was lost, is left as it is.
-- $1 token_id
-- $2 digest
-- $3 name
-- $4 role
-- $5 uids (JSON)
-- $6 created_at (ms since 1970)
-- $7 created_by (NULL: a node, or nobody that is known)
-- $8 expires_at (ms since 1970; NULL: never)
INSERT INTO tokens (id, digest, name, role, uids, created_at, created_by, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO NOTHING
RETURNING id
