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
UPDATE lanes
   SET tat = CASE WHEN lanes.tat > clock.now THEN lanes.tat ELSE clock.now END
             + starts.jobs * lanes.interval_us
  FROM starts
  CROSS JOIN clock
 WHERE lanes.key = starts.key
   AND lanes.interval_us IS NOT NULL
RETURNING lanes.key
