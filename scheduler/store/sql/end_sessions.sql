-- Forget the sessions that have ended by themselves, and of a token those beyond its newest ones.
-- $1 unused_since (ms since 1970)
-- $2 created_before (ms since 1970)
-- $3 token_id (NULL for none)
-- $4 sessions_max (of the token; those that were used last)
DELETE FROM sessions
 WHERE used_at <= $1
    OR created_at <= $2
    OR (token_id = $3
        AND digest NOT IN (SELECT digest
                             FROM sessions
                            WHERE token_id = $3
                            ORDER BY used_at DESC, created_at DESC, digest
                            LIMIT $4))
RETURNING digest
