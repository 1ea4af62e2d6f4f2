-- Let no other transaction count the jobs of these users until this one ends.
-- $1 users (JSON object, its keys)
WITH users AS (
    SELECT key AS uid
         , hashtextextended(key, 0) AS number -- PostgreSQL only
      FROM json_each($1)
     -- All take their locks in the same order, else two could wait for each other.
     ORDER BY number -- PostgreSQL only
)
SELECT uid
     , pg_advisory_xact_lock(number) -- PostgreSQL only
  FROM users
