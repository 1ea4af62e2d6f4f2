-- How many queued jobs of a user with its needs are to begin before one that waits; else no row.
-- $1 job_id
-- $2 uid
-- $3 count_max
WITH job AS (
    SELECT turn_at, id, lane
      FROM jobs
     WHERE id = $1 AND uid = $2 AND status = 'queued' AND held IS NULL
)
SELECT (SELECT count(*)
          FROM (SELECT 1
                  FROM jobs
                 WHERE job.lane IS NULL
                   AND waiting
                   AND uid = $2
                   AND (turn_at, id) < (job.turn_at, job.id)
                   AND status = 'queued'
                 LIMIT $3) AS counted)
       + (SELECT count(*)
            FROM (SELECT 1
                    FROM jobs
                   WHERE jobs.lane = job.lane
                     AND uid = $2
                     AND (turn_at, id) < (job.turn_at, job.id)
                     AND status = 'queued'
                   LIMIT $3) AS counted) AS jobs
  FROM job
