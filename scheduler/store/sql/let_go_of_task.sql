-- Let held jobs wait for a worker whose task was paused, in their old order.
-- $1 name
-- $2 limit
WITH free AS (
    SELECT id
      FROM jobs
           INDEXED BY jobs_paused_of_task -- SQLite only
     WHERE status = 'queued'
       AND held = 'paused'
       AND task = $1
       AND EXISTS (SELECT 1
                     FROM pauses
                    WHERE kind = 'task'
                      AND name = $1
                      AND (resumed_at IS NOT NULL OR until <= now_ms()))
       AND NOT EXISTS (SELECT 1
                         FROM pauses
                        WHERE kind = 'uid'
                          AND name = jobs.uid
                          AND resumed_at IS NULL
                          AND (until IS NULL OR until > now_ms()))
     ORDER BY turn_at, id
     LIMIT $2
       FOR UPDATE OF jobs SKIP LOCKED -- PostgreSQL only
)
UPDATE jobs
   SET held = NULL,
       revision = revision + 1
 WHERE id IN (SELECT id FROM free)
RETURNING id, uid, turn_at, needs
