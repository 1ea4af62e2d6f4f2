-- Move the next starts of throttles by those of the jobs that were just claimed.
-- $1 asked (JSON object of rows: id, key)
-- $2 node_id
-- $3 at (ms since 1970)
WITH clock AS (
    SELECT now_ms() * 1000 AS now
), starts AS (
    SELECT asked.key, count(*) AS jobs
      FROM (SELECT value ->> 'id' AS id, value ->> 'key' AS key FROM json_each($1)) AS asked
      JOIN jobs ON jobs.id = asked.id
     WHERE jobs.status = 'running'
       AND jobs.owner = $2
       AND jobs.started_at = $3
     GROUP BY asked.key
)
UPDATE limiters
   SET tat = CASE WHEN limiters.tat > clock.now THEN limiters.tat ELSE clock.now END
             + starts.jobs * limiters.interval_us
  FROM starts
  CROSS JOIN clock
 WHERE limiters.key = starts.key
   AND limiters.interval_us IS NOT NULL
RETURNING limiters.key
