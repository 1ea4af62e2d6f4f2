-- In how many milliseconds the next held job is due, or the next job expires.
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
           AND held IS NULL
           AND attempt = 0
         ORDER BY expires_at
         LIMIT 1) - now_ms() AS expires_ms
