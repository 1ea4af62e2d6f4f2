-- Hold those of some jobs, and of the next ones of a user, that are paused and could run but for that.
-- $1 job_ids (the keys of a JSON object)
-- $2 ahead_max
WITH active AS (
    -- By the lock no pause is forgotten of which a job is being held.
    SELECT kind, name
      FROM pauses
     WHERE resumed_at IS NULL AND (until IS NULL OR until > now_ms())
       FOR KEY SHARE -- PostgreSQL only
), given AS (
    SELECT jobs.id, jobs.uid, jobs.lane, jobs.limiter
      FROM jobs
     WHERE jobs.id IN (SELECT key FROM json_each($1))
       AND jobs.status = 'queued'
       AND jobs.held IS NULL
       AND EXISTS (SELECT 1
                     FROM active
                    WHERE (kind = 'task' AND name = jobs.task)
                       OR (kind = 'uid' AND name = jobs.uid))
), next AS (
    SELECT id
      FROM jobs
     WHERE waiting
       AND uid = (SELECT min(uid) FROM given)
     ORDER BY uid, turn_at, id
     LIMIT $2
), next_in_lane AS (
    SELECT id
      FROM jobs
     WHERE lane = (SELECT min(lane) FROM given)
       AND uid = (SELECT min(uid) FROM given)
     ORDER BY lane, uid, turn_at, id
     LIMIT $2
), next_in_limiter AS (
    -- Of those that wait behind one that was let go: else it would let each of them go, and nobody else.
    SELECT id
      FROM jobs
           INDEXED BY jobs_parked -- SQLite only
     WHERE status = 'queued'
       AND (held = 'limit' OR held = 'throttle')
       AND limiter = (SELECT min(limiter) FROM given)
       AND uid = (SELECT min(uid) FROM given)
     ORDER BY limiter, turn_at, id
     LIMIT $2
), met AS (
    SELECT jobs.id
      FROM jobs
     WHERE jobs.id IN (SELECT id FROM given UNION SELECT id FROM next
                       UNION SELECT id FROM next_in_lane
                       UNION SELECT id FROM next_in_limiter)
       AND jobs.status = 'queued'
       AND (jobs.held IS NULL OR jobs.held = 'limit' OR jobs.held = 'throttle')
       AND EXISTS (SELECT 1
                     FROM active
                    WHERE (kind = 'task' AND name = jobs.task)
                       OR (kind = 'uid' AND name = jobs.uid))
     ORDER BY jobs.id FOR UPDATE OF jobs SKIP LOCKED -- PostgreSQL only
)
UPDATE jobs
   SET held = 'paused',
       limiter = NULL,
       limiter_opens_at = NULL,
       revision = revision + 1
 WHERE id IN (SELECT id FROM met)
RETURNING id, uid, turn_at, needs
