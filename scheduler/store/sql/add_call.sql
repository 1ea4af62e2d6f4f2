-- Add the call of the hook that a handler asked for, where its token holds and its job has one.
-- $1 call_id
-- $2 job_id
-- $3 token
-- $4 payload (JSON)
-- $5 at (ms since 1970; NULL: now)
WITH clock AS (SELECT coalesce(CAST($5 AS bigint), now_ms()) AS now)
INSERT INTO hook_calls (id, job_id, event, payload, created_at, due_at)
SELECT $1, jobs.id, 'job.notified', $4, clock.now, clock.now
  FROM jobs, clock
 WHERE jobs.id = $2
   AND jobs.token = $3
   AND jobs.owner IS NOT NULL
   AND jobs.hook IS NOT NULL
   FOR KEY SHARE OF jobs -- PostgreSQL only
ON CONFLICT (id) DO NOTHING
RETURNING id
