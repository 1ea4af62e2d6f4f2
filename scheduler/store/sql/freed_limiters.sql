-- Limiters that jobs have left, or that open, and whether they hold jobs.
-- $1 limit (of both)
WITH freed AS (
    SELECT key
      FROM (SELECT limiter_holds.key
              FROM limiter_holds
              LEFT JOIN jobs ON jobs.id = limiter_holds.job_id
             WHERE jobs.id IS NULL
                OR NOT (jobs.owner IS NOT NULL OR jobs.status = 'running'
                        OR coalesce(jobs.cleanup, '') = 'pending'
                        OR jobs.cleanup_due_at IS NOT NULL
                        -- Where it is aborted now, its clean-up holds the key: see forget_holds.sql.
                        OR (jobs.status = 'queued' AND jobs.undoable AND jobs.attempt > 0))
             LIMIT $1) AS left_by
     UNION
    SELECT key
      FROM (SELECT key
              FROM limiters
             WHERE opens_at IS NOT NULL
               AND opens_at <= now_ms()
             ORDER BY opens_at
             LIMIT $1) AS opening
)
SELECT freed.key,
       EXISTS (SELECT 1
                 FROM jobs
                WHERE jobs.status = 'queued'
                  AND (jobs.held = 'limit' OR jobs.held = 'throttle')
                  AND jobs.limiter = freed.key) AS holds
  FROM freed
