-- Forget the sessions that have ended by themselves.
-- $1 unused_since (ms since 1970)
-- $2 created_before (ms since 1970)
DELETE FROM sessions
 WHERE used_at <= $1
    OR created_at <= $2
RETURNING digest
