-- The session with this digest.
-- $1 digest
SELECT * FROM sessions WHERE digest = $1
