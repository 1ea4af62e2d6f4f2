-- The clean-ups that wait for a worker, up to a number.
-- $1 limit
SELECT id, uid, turn_at, needs
  FROM jobs
       INDEXED BY jobs_cleanup_waiting -- SQLite only
 WHERE cleanup = 'pending'
   AND owner IS NULL
 ORDER BY turn_at, id
 LIMIT $1
