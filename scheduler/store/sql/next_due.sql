-- In how many milliseconds the promoter has something to do; 0 for what needs no time to come.
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
       (SELECT 0 FROM awaited_ends LIMIT 1) AS ended_ms,
       (SELECT 0
          FROM jobs
               INDEXED BY jobs_replacing -- SQLite only
         WHERE held = 'unique'
           AND status = 'queued'
           AND (SELECT old.id
                  FROM jobs AS old
                 WHERE old.uid = jobs.uid
                   AND old.task = jobs.task
                   AND old.unique_key = jobs.unique_key
                   AND old.unique_key IS NOT NULL
                   AND old.id <> jobs.id
                   AND (old.status IN ('queued', 'running') OR old.cleanup = 'pending'
                        OR old.cleanup_due_at IS NOT NULL)
                 LIMIT 1) IS NULL
         LIMIT 1) AS replaced_ms
