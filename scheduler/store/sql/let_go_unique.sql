-- Let those held jobs go whose predecessors are over.
-- $1 limit
WITH clock AS (SELECT now_ms() AS now), free AS (
    SELECT id
      FROM jobs
           INDEXED BY jobs_replacing -- SQLite only
     WHERE held = 'unique'
       AND status = 'queued'
       AND NOT EXISTS (SELECT 1
                         FROM jobs AS old
                        WHERE old.id = jobs.replaces
                          AND (old.status IN ('queued', 'running') OR old.cleanup = 'pending'
                               OR old.cleanup_due_at IS NOT NULL))
     ORDER BY id
     LIMIT $1
       FOR UPDATE SKIP LOCKED -- PostgreSQL only
)
UPDATE jobs
   SET held = CASE WHEN run_at > now THEN 'run_at' END,
       due_at = CASE WHEN run_at > now THEN run_at END,
       eligible_at = CASE WHEN run_at > now THEN NULL ELSE now END,
       turn_at = now - 1000 * priority,
       expires_at = CASE WHEN run_at > now THEN NULL
                         ELSE now + CAST(1000 * start_within_s AS bigint) END,
       revision = revision + 1
  FROM clock
 WHERE id IN (SELECT id FROM free)
RETURNING id, uid, turn_at, needs, held
