-- The sessions with some digests.
-- $1 digests (the keys of a JSON object)
SELECT sessions.*
  FROM json_each($1) AS asked
  JOIN sessions ON sessions.digest = asked.key
