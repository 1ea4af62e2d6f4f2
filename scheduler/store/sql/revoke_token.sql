-- Revoke a token, unless it was revoked before.
-- $1 token_id
-- $2 at (ms since 1970)
UPDATE tokens
   SET revoked_at = $2
 WHERE id = $1
   AND revoked_at IS NULL
RETURNING *
