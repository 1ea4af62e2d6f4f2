-- How many jobs are queued, counted up to a limit, how many run, and the oldest queued one's age.
-- $1 count_max
SELECT (SELECT count(*)
          FROM (SELECT id FROM jobs WHERE status = 'queued' LIMIT $1) AS queued) AS queued,
       (SELECT count(*) FROM jobs WHERE owner IS NOT NULL AND status = 'running') AS running,
       (SELECT created_at FROM jobs WHERE status = 'queued' ORDER BY id LIMIT 1) AS oldest_queued_at
