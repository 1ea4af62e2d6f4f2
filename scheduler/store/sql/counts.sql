-- How many jobs wait for a worker, up to a limit, how many run, and since when the oldest waits.
-- $1 count_max
WITH queued AS (
    SELECT eligible_at
      FROM jobs
           INDEXED BY jobs_waiting -- SQLite only
     WHERE waiting
       AND status = 'queued'
     ORDER BY uid, turn_at, id
     LIMIT $1
)
SELECT (SELECT count(*) FROM queued) AS queued,
       (SELECT count(*) FROM jobs WHERE owner IS NOT NULL AND status = 'running') AS running,
       (SELECT min(eligible_at) FROM queued) AS oldest_queued_at,
       now_ms() AS now
