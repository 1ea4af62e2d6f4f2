-- Ids of the jobs that wait for a worker and come after a turn, the next ones first.
-- $1 after_turn_at (ms)
-- $2 after_id
-- $3 eligible_for_ms (NULL: however short)
-- $4 limit
WITH queued AS (
    SELECT id, turn_at
      FROM jobs
           INDEXED BY jobs_waiting -- SQLite only
     WHERE status = 'queued'
       AND held IS NULL
       AND (turn_at, id) > ($1, $2)
       AND (CAST($3 AS bigint) IS NULL OR eligible_at IS NULL
            OR eligible_at <= now_ms() - CAST($3 AS bigint))
     ORDER BY turn_at, id
     LIMIT $4
), cleanups AS (
    SELECT id, turn_at
      FROM jobs
           INDEXED BY jobs_cleanup_waiting -- SQLite only
     WHERE cleanup = 'pending'
       AND owner IS NULL
       AND (turn_at, id) > ($1, $2)
     ORDER BY turn_at, id
     LIMIT $4
)
SELECT id, turn_at FROM queued
 UNION ALL
SELECT id, turn_at FROM cleanups
 ORDER BY turn_at, id
 LIMIT $4
