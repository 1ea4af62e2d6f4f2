-- Jobs that their limiters let go, and that still wait for a worker.
-- $1 limit
SELECT id, uid, turn_at, needs
  FROM jobs
       INDEXED BY jobs_let_go -- SQLite only
 WHERE limiter IS NOT NULL
   AND status = 'queued'
   AND held IS NULL
 LIMIT $1
