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
), in_lanes AS (
    SELECT eligible_at
      FROM jobs
           INDEXED BY jobs_in_lanes -- SQLite only
     WHERE lane IS NOT NULL
       AND status = 'queued'
     ORDER BY lane, uid, turn_at, id
     LIMIT $1
), waiting_anywhere AS (
    SELECT eligible_at FROM queued
     UNION ALL
    SELECT eligible_at FROM in_lanes
)
SELECT (SELECT count(*) FROM (SELECT 1 FROM waiting_anywhere LIMIT $1) AS counted) AS queued,
       (SELECT count(*) FROM jobs WHERE owner IS NOT NULL AND status = 'running') AS running,
       (SELECT min(eligible_at) FROM waiting_anywhere) AS oldest_queued_at,
       now_ms() AS now
