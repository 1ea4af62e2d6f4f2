-- Let those held jobs go whose keys no other jobs have any more that are not over.
-- $1 limit
WITH clock AS (SELECT now_ms() AS now), free AS (
    SELECT id
      FROM jobs
           INDEXED BY jobs_replacing -- SQLite only
     WHERE held = 'unique'
       AND status = 'queued'
       -- As a value: so each is looked for by its key, and not all of all keys.
       AND (SELECT old.id
              FROM jobs AS old
             WHERE old.uid = jobs.uid
               AND old.task = jobs.task
               AND old.unique_key = jobs.unique_key
               AND old.unique_key IS NOT NULL
               AND old.id <> jobs.id
               AND (old.status IN ('queued', 'running') OR old.cleanup = 'pending'
                    OR old.cleanup_due_at IS NOT NULL)
             LIMIT 1) IS NULL
     ORDER BY id
     LIMIT $1
       FOR UPDATE OF jobs SKIP LOCKED -- PostgreSQL only
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
