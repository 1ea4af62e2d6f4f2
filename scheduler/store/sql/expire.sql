-- End those jobs that have waited too long for their first attempt.
-- $1 error (JSON)
-- $2 limit
WITH clock AS (SELECT now_ms() AS now), late AS (
    SELECT id
      FROM jobs
           INDEXED BY jobs_expiring -- SQLite only
     WHERE expires_at IS NOT NULL
       AND status = 'queued'
       AND expires_at <= (SELECT now FROM clock)
       AND (held IS NULL OR held IN ('paused', 'no_node', 'limit', 'throttle')) -- none of these stops the clock
       AND attempt = 0
     ORDER BY expires_at
     LIMIT $2
       FOR UPDATE SKIP LOCKED -- PostgreSQL only
)
UPDATE jobs
   SET status = 'terminated',
       error = CAST($1 AS text),
       bytes = bytes + length(CAST($1 AS text)),
       finished_at = (SELECT now FROM clock)
 WHERE id IN (SELECT id FROM late)
RETURNING id, awaited, replaced_by
