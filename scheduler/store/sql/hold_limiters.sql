-- Note which jobs are to be looked at for their limits: those that were just claimed.
-- $1 asked (JSON object of rows: id, key)
-- $2 node_id
-- $3 at (ms since 1970)
INSERT INTO limiter_holds (key, job_id)
SELECT limiters.key, jobs.id
  FROM (SELECT value ->> 'id' AS id, value ->> 'key' AS key FROM json_each($1)) AS asked
  JOIN limiters ON limiters.key = asked.key
  JOIN jobs ON jobs.id = asked.id
 WHERE limiters.jobs_max IS NOT NULL
   AND jobs.status = 'running'
   AND jobs.owner = $2
   AND jobs.started_at = $3
    ON CONFLICT DO NOTHING
RETURNING job_id
