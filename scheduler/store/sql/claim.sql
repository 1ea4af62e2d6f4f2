-- Claim those of some jobs that wait for a worker, for a node that is registered.
-- $1 job_ids (the keys of a JSON object)
-- $2 node_id
-- $3 at (ms since 1970)
WITH claimer AS (
    -- The lock makes `bury` wait: either it sees our claim, or we see that the node is gone.
    SELECT id, name FROM nodes WHERE id = $2
       FOR KEY SHARE -- PostgreSQL only
), free AS (
    -- Locked in the order of ids, so that two claims of the same jobs cannot deadlock.
    SELECT jobs.id, claimer.id AS owner, claimer.name AS node
      FROM jobs
      CROSS JOIN claimer
     WHERE jobs.id IN (SELECT key FROM json_each($1))
       AND jobs.waiting
       -- One that has not begun in time is left to expire.sql.
       AND (jobs.expires_at IS NULL OR jobs.attempt > 0 OR jobs.status <> 'queued'
            OR jobs.expires_at > now_ms())
     ORDER BY jobs.id FOR UPDATE OF jobs -- PostgreSQL only
)
UPDATE jobs
   SET token = jobs.token + 1,
       revision = 0,
       owner = free.owner,
       status = CASE jobs.status WHEN 'queued' THEN 'running' ELSE jobs.status END,
       attempt = CASE jobs.status WHEN 'queued' THEN jobs.attempt + 1 ELSE jobs.attempt END,
       node = CASE jobs.status WHEN 'queued' THEN free.node ELSE jobs.node END,
       started_at = CASE jobs.status WHEN 'queued' THEN $3 ELSE jobs.started_at END,
       progress = CASE jobs.status WHEN 'queued' THEN NULL ELSE jobs.progress END
  FROM free
 WHERE jobs.id = free.id
RETURNING jobs.id, jobs.uid, jobs.task, jobs.data, jobs.hook, jobs.parent,
          jobs.traceparent, jobs.attempt, jobs.token, jobs.status, jobs.cleanup_tries,
          jobs.eligible_at, jobs.max_attempts, jobs.attempts_used
