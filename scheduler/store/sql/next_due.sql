-- In how many milliseconds something is due: a held job, the end of one that is late or of a pause.
-- And 0 where a replaced job is over for which another one waits.
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
           AND (held IS NULL OR held IN ('paused', 'no_node'))
           AND attempt = 0
         ORDER BY expires_at
         LIMIT 1) - now_ms() AS expires_ms,
       (SELECT min(CASE WHEN resumed_at IS NULL THEN until ELSE resumed_at END)
          FROM pauses) - now_ms() AS resumed_ms,
       (SELECT 0
          FROM jobs
               INDEXED BY jobs_replacing -- SQLite only
         WHERE held = 'unique'
           AND status = 'queued'
           AND NOT EXISTS (SELECT 1
                             FROM jobs AS old
                            WHERE old.id = jobs.replaces
                              AND (old.status IN ('queued', 'running') OR old.cleanup = 'pending'
                                   OR old.cleanup_due_at IS NOT NULL))
         LIMIT 1) AS replaced_ms
