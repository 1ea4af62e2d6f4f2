-- Note that a session was used, unless a later use is noted.
-- $1 digest
-- $2 at (ms since 1970)
UPDATE sessions SET used_at = $2 WHERE digest = $1 AND used_at < $2 RETURNING digest
