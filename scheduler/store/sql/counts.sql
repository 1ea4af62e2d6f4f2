-- How many jobs wait, counted up to a limit, how many run, and since when the oldest waits.
SELECT (SELECT count(*)
          FROM (SELECT id FROM jobs WHERE status = 'queued' LIMIT $1) AS queued) AS queued,
       (SELECT count(*) FROM jobs WHERE owner IS NOT NULL AND status = 'running') AS running,
       (SELECT created_at FROM jobs WHERE status = 'queued' ORDER BY id LIMIT 1) AS oldest_queued_at
