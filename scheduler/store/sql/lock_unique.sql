-- Let no other transaction give away these unique keys until this one ends.
-- $1 keys (JSON object, its keys)
WITH keys AS (
    SELECT key AS name
         , hashtextextended(key, 1) AS number -- PostgreSQL only
      FROM json_each($1)
     -- All take their locks in the same order, else two could wait for each other.
     ORDER BY number -- PostgreSQL only
)
SELECT name
     , pg_advisory_xact_lock(number) -- PostgreSQL only
  FROM keys
