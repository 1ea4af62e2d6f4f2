-- How many jobs wait for a worker, up to a limit, how many run, and for how long the oldest waits.
-- $1 count_max
WITH waiting AS (
    SELECT eligible_at
      FROM jobs
           INDEXED BY jobs_waiting -- SQLite only
     WHERE status = 'queued'
       AND held IS NULL
     ORDER BY turn_at, id
     LIMIT $1
)
SELECT (SELECT count(*) FROM waiting) AS queued,
       (SELECT count(*) FROM jobs WHERE owner IS NOT NULL AND status = 'running') AS running,
       (SELECT min(eligible_at) FROM waiting) AS oldest_queued_at,
       now_ms() AS now
