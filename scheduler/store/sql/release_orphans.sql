-- Take back the jobs whose owners are not registered any more.
-- $1 losses_max
-- $2 at (ms since 1970)
-- $3 error (JSON, of a job or a clean-up with losses_max losses)
WITH orphans AS (
    SELECT id, token FROM jobs WHERE owner IS NOT NULL AND owner NOT IN (SELECT id FROM nodes)
), held AS (
    -- Why the token: while we waited for the lock another sweeper may have released the job, and a
    -- node that registered after we read `nodes` may have claimed it. Why the owner: a settle may
    -- have ended the attempt.
    SELECT jobs.id
      FROM orphans
      JOIN jobs ON jobs.id = orphans.id
     WHERE jobs.token = orphans.token
       AND jobs.owner IS NOT NULL
     ORDER BY jobs.id FOR UPDATE OF jobs -- PostgreSQL only
)
-- All conditions read `jobs`, which is what PostgreSQL reads again after it waited for the lock.
UPDATE jobs
   SET owner = NULL,
       status = CASE WHEN jobs.abort_requested_at IS NOT NULL THEN 'aborted'
                     WHEN jobs.losses + 1 >= $1 THEN 'terminated'
                     ELSE 'queued' END,
       losses = CASE WHEN jobs.abort_requested_at IS NOT NULL AND jobs.status = 'running' THEN 0
                     ELSE jobs.losses + 1 END,
       error = CASE WHEN jobs.abort_requested_at IS NULL AND jobs.losses + 1 >= $1
                    THEN CAST($3 AS text) END,
       bytes = CASE WHEN jobs.abort_requested_at IS NULL AND jobs.losses + 1 >= $1
                    THEN jobs.bytes + length(CAST($3 AS text)) ELSE jobs.bytes END,
       started_at = CASE WHEN jobs.abort_requested_at IS NULL AND jobs.losses + 1 < $1
                         THEN NULL ELSE jobs.started_at END,
       finished_at = CASE WHEN jobs.status = 'aborted' THEN jobs.finished_at
                          WHEN jobs.abort_requested_at IS NOT NULL OR jobs.losses + 1 >= $1
                          THEN CAST($2 AS bigint) END,
       unknown_since = NULL, -- the node may have known its handler
       abort_processes = CASE WHEN jobs.abort_requested_at IS NOT NULL
                              THEN coalesce(jobs.abort_processes, 0) END,
       abort_survivors = CASE WHEN jobs.abort_requested_at IS NOT NULL THEN 0 END,
       cleanup = CASE WHEN jobs.abort_requested_at IS NULL OR NOT jobs.undoable THEN NULL
                      WHEN jobs.status = 'aborted' AND jobs.losses + 1 >= $1 THEN 'failed'
                      ELSE 'pending' END,
       cleanup_error = CASE WHEN jobs.status = 'aborted' AND jobs.losses + 1 >= $1
                            THEN CAST($3 AS text) ELSE jobs.cleanup_error END,
       -- Of a job that is queued again, the attempt that was lost; at most $1 more than are kept.
       attempts = CASE WHEN jobs.abort_requested_at IS NOT NULL OR jobs.losses + 1 >= $1
                       THEN jobs.attempts ELSE
           json_insert(coalesce(jobs.attempts, '[]'), '$[#]', json_object( -- SQLite only
           CAST(CAST(coalesce(jobs.attempts, '[]') AS jsonb) || jsonb_build_object( -- PostgreSQL only
               'number', jobs.attempt, 'node', jobs.node, 'started_at', jobs.started_at,
               'finished_at', CAST($2 AS bigint), 'outcome', 'lost', 'error', NULL)
           ) -- SQLite only
           AS text) -- PostgreSQL only
       END
  FROM held
 WHERE jobs.id = held.id
RETURNING jobs.id, jobs.uid, jobs.turn_at, jobs.needs,
          jobs.waiting OR jobs.lane IS NOT NULL AS waiting,
          jobs.finished_at = $2 AS ended, jobs.cleanup, jobs.awaited, jobs.replaced_by
