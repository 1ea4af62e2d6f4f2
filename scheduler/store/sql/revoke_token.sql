-- Revoke a token; one that was revoked before keeps its time.
-- $1 token_id
-- $2 at (ms since 1970)
UPDATE tokens
   SET revoked_at = coalesce(revoked_at, CAST($2 AS bigint))
 WHERE id = $1
RETURNING *
