-- Let those clean-ups wait for a worker that have been due longest for their next try.
-- $1 at (ms since 1970; NULL: now)
-- $2 limit
UPDATE jobs
   SET cleanup = 'pending',
       cleanup_due_at = NULL
 WHERE id IN (SELECT id
                FROM jobs
               WHERE cleanup_due_at <= coalesce(CAST($1 AS bigint), (SELECT now_ms()))
               ORDER BY cleanup_due_at
               LIMIT $2
                 FOR UPDATE SKIP LOCKED -- PostgreSQL only
             )
RETURNING id, uid, turn_at, needs
