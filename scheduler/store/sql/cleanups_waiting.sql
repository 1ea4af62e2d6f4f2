-- The clean-ups that wait for a worker, after one of them, up to a number.
-- $1 after_turn_at (ms since 1970)
-- $2 after_id
-- $3 limit
SELECT id, uid, turn_at, needs
  FROM jobs
       INDEXED BY jobs_cleanup_waiting -- SQLite only
 WHERE cleanup = 'pending'
   AND owner IS NULL
   AND (turn_at, id) > ($1, $2)
 ORDER BY turn_at, id
 LIMIT $3
