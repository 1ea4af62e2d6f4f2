-- In how many milliseconds a held job is due, a job expires, a pause has ended, edges are to close.
SELECT (SELECT due_at
          FROM jobs
               INDEXED BY jobs_held -- SQLite only
         WHERE held IS NOT NULL
           AND status = 'queued'
           AND due_at IS NOT NULL
         ORDER BY due_at
         LIMIT 1) - now_ms() AS due_ms,
       (SELECT expires_at
          FROM jobs
               INDEXED BY jobs_expiring -- SQLite only
         WHERE expires_at IS NOT NULL
           AND status = 'queued'
           AND (held IS NULL OR held IN ('paused', 'no_node', 'limit', 'throttle'))
           AND attempt = 0
         ORDER BY expires_at
         LIMIT 1) - now_ms() AS expires_ms,
       (SELECT min(CASE WHEN resumed_at IS NULL THEN until ELSE resumed_at END)
          FROM pauses) - now_ms() AS resumed_ms,
       (SELECT 0 FROM awaited_ends LIMIT 1) AS ended_ms
