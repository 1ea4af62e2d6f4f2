-- End a session, and with it those that have ended by themselves.
-- $1 digest
-- $2 unused_since (ms since 1970)
-- $3 created_before (ms since 1970)
DELETE FROM sessions
 WHERE digest = $1
    OR used_at <= $2
    OR created_at <= $3
RETURNING digest
