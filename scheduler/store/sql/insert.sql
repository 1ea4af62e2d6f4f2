-- Store jobs as queued, held or claimed, unless an id or key is stored or a parent refuses them.
-- $1 jobs (JSON object of rows, see arguments.new_job)
WITH batch AS (
    SELECT value ->> 'id' AS id,
           value ->> 'uid' AS uid,
           value ->> 'task' AS task,
           value ->> 'hook' AS hook,
           value ->> 'parent' AS parent,
           value ->> 'traceparent' AS traceparent,
           value ->> 'data' AS data,
           CAST(value ->> 'bytes' AS bigint) AS bytes,
           CAST(value ->> 'undoable' AS boolean) AS undoable,
           value ->> 'submitted_by' AS submitted_by,
           CAST(value ->> 'created_at' AS bigint) AS created_at,
           value ->> 'idempotency_key' AS idempotency_key,
           value ->> 'fingerprint' AS fingerprint,
           value ->> 'claimer' AS claimer,
           value -> 'order' AS wanted,
           value -> 'rerun' AS rerun,
           value -> 'waits_for' AS waits_for
      FROM json_each($1)
), clock AS (
    SELECT now_ms() AS now
), orders AS (
    -- Of the few jobs that say when they are to run.
    SELECT id,
           CAST(wanted ->> 'priority' AS integer) AS priority,
           CAST(wanted ->> 'start_within_s' AS double precision) AS start_within_s,
           CAST(wanted ->> 'max_attempts' AS integer) AS max_attempts,
           CAST(wanted ->> 'hook_retries' AS boolean) AS hook_retries,
           wanted ->> 'needs' AS needs,
           wanted ->> 'group' AS group_name,
           coalesce(CAST(wanted ->> 'run_at' AS bigint),
                    now + CAST(wanted ->> 'delay_ms' AS bigint)) AS run_at
      FROM batch, clock
     WHERE wanted IS NOT NULL
), active AS (
    -- See claim.sql. And by the lock no pause is forgotten of which a job is being held.
    SELECT kind, name
      FROM pauses
     WHERE resumed_at IS NULL AND (until IS NULL OR until > now_ms())
       FOR KEY SHARE -- PostgreSQL only
), paused AS (
    SELECT DISTINCT batch.id
      FROM active
      JOIN batch ON (active.kind = 'task' AND active.name = batch.task)
                 OR (active.kind = 'uid' AND active.name = batch.uid)
), claimers AS (
    -- The lock makes `bury` wait: either it sees our claim, or we see that the node is gone.
    SELECT id, name
      FROM nodes
     WHERE id IN (SELECT claimer FROM batch)
       AND NOT EXISTS (SELECT 1 FROM active WHERE kind = 'node' AND active.name = nodes.name)
       FOR KEY SHARE -- PostgreSQL only
), parents AS (
    -- The lock makes `refuse_children` wait for us: either we see that the parent refuses, or the
    -- abort that made it refuse finds our jobs below it. In the order of ids, as all locks of jobs.
    SELECT jobs.id, jobs.uid, jobs.children_refused
      FROM jobs
     WHERE jobs.id IN (SELECT parent FROM batch)
     ORDER BY jobs.id FOR SHARE -- PostgreSQL only
)
INSERT INTO jobs (id, uid, task, hook, parent, traceparent, data, bytes, undoable, submitted_by,
                  created_at, idempotency_key, fingerprint,
                  rerun_of, rerun_request,
                  priority, run_at, held, due_at, eligible_at, turn_at, start_within_s, expires_at,
                  max_attempts, hook_retries, needs, group_name, predecessors, after_if, awaited,
                  status, owner, node, token, attempt, started_at)
SELECT batch.id, uid, task, hook, parent, traceparent, data, bytes, undoable, submitted_by,
       created_at, idempotency_key, fingerprint,
       rerun ->> 'of',
       rerun ->> 'request',
       coalesce(priority, 0),
       run_at,
       -- Also where what it comes after is over already: the end of that is acted on in one way.
       CASE WHEN waits_for ->> 'held' IS NOT NULL THEN waits_for ->> 'held'
            WHEN run_at > now THEN 'run_at' WHEN paused.id IS NOT NULL THEN 'paused' END,
       CASE WHEN waits_for ->> 'held' IS NULL AND run_at > now THEN run_at END,
       CASE WHEN waits_for ->> 'held' IS NOT NULL OR run_at > now THEN NULL ELSE now END,
       now - 1000 * coalesce(priority, 0),
       start_within_s,
       CASE WHEN waits_for ->> 'held' IS NOT NULL OR run_at > now THEN NULL
            ELSE now + CAST(1000 * start_within_s AS bigint) END,
       max_attempts,
       coalesce(hook_retries, false),
       needs,
       group_name,
       waits_for ->> 'predecessors',
       waits_for ->> 'after_if',
       waits_for ->> 'awaited',
       CASE WHEN claimers.id IS NULL THEN 'queued' ELSE 'running' END,
       claimers.id,
       claimers.name,
       CASE WHEN claimers.id IS NULL THEN 0 ELSE 1 END,
       CASE WHEN claimers.id IS NULL THEN 0 ELSE 1 END,
       CASE WHEN claimers.id IS NULL THEN NULL ELSE created_at END
  FROM batch
  CROSS JOIN clock
  LEFT JOIN orders ON orders.id = batch.id
  LEFT JOIN paused ON paused.id = batch.id
  LEFT JOIN claimers ON claimers.id = batch.claimer
                    AND (run_at IS NULL OR run_at <= now)
                    AND paused.id IS NULL
                    AND waits_for ->> 'held' IS NULL
 WHERE NOT EXISTS (SELECT 1 FROM batch AS again JOIN jobs ON jobs.id = again.id)
   AND NOT EXISTS (SELECT 1
                     FROM batch AS again
                     JOIN jobs ON jobs.uid = again.uid
                              AND jobs.idempotency_key = again.idempotency_key)
   AND NOT EXISTS (SELECT 1
                     FROM batch AS child
                     JOIN parents ON parents.id = child.parent AND parents.uid = child.uid
                    WHERE parents.children_refused)
RETURNING id, status, owner, run_at, held, due_at, eligible_at
