-- Hold those of some jobs, and of the next ones, that wait for a worker and are paused.
-- $1 job_ids (the keys of a JSON object)
-- $2 ahead_max
WITH active AS (
    -- The lock makes `forget_pause` wait: either it sees that we hold jobs, or we see no pause.
    SELECT kind, name
      FROM pauses
     WHERE resumed_at IS NULL AND (until IS NULL OR until > now_ms())
       FOR KEY SHARE -- PostgreSQL only
), next AS (
    SELECT id
      FROM jobs
           INDEXED BY jobs_waiting -- SQLite only
     WHERE status = 'queued'
       AND held IS NULL
       AND EXISTS (SELECT 1 FROM active WHERE kind <> 'node')
     ORDER BY turn_at, id
     LIMIT $2
), met AS (
    SELECT jobs.id
      FROM jobs
     WHERE jobs.id IN (SELECT key FROM json_each($1) UNION SELECT id FROM next)
       AND jobs.status = 'queued'
       AND jobs.held IS NULL
       AND EXISTS (SELECT 1
                     FROM active
                    WHERE (kind = 'task' AND name = jobs.task)
                       OR (kind = 'uid' AND name = jobs.uid))
     ORDER BY jobs.id FOR UPDATE OF jobs SKIP LOCKED -- PostgreSQL only
)
UPDATE jobs
   SET held = 'paused',
       revision = revision + 1
 WHERE id IN (SELECT id FROM met)
RETURNING id, uid
