-- Take those of the jobs that wait, for a node that is registered.
WITH claimer AS (
    -- The lock lets `bury` wait: it finds our claim done, or we find the node gone.
    SELECT id, name FROM nodes WHERE id = $2
       FOR KEY SHARE -- PostgreSQL only
), free AS (
    -- Locked in the order of ids, so that two claims of the same jobs never wait for each other.
    SELECT jobs.id, claimer.id AS owner, claimer.name AS node
      FROM jobs
      CROSS JOIN claimer
     WHERE jobs.id IN (SELECT key FROM json_each($1))
       AND jobs.waiting
     ORDER BY jobs.id FOR UPDATE OF jobs -- PostgreSQL only
)
UPDATE jobs
   SET token = jobs.token + 1,
       owner = free.owner,
       status = CASE jobs.status WHEN 'queued' THEN 'running' ELSE jobs.status END,
       attempt = CASE jobs.status WHEN 'queued' THEN jobs.attempt + 1 ELSE jobs.attempt END,
       node = CASE jobs.status WHEN 'queued' THEN free.node ELSE jobs.node END,
       started_at = CASE jobs.status WHEN 'queued' THEN $3 ELSE jobs.started_at END,
       progress = CASE jobs.status WHEN 'queued' THEN NULL ELSE jobs.progress END
  FROM free
 WHERE jobs.id = free.id
RETURNING jobs.id, jobs.uid, jobs.task, jobs.data, jobs.hook, jobs.traceparent,
          jobs.attempt, jobs.token, jobs.status
