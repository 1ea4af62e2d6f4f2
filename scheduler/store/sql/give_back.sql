-- Queue those jobs again whose tokens hold; one whose abort is requested becomes aborted instead.
-- Those whose attempts failed are held until their next attempts, those whose handler no node knows for
-- a while.
-- $1 settlements (JSON object of rows, see arguments.settlement)
WITH batch AS (
    SELECT value ->> 'id' AS id,
           CAST(value ->> 'token' AS bigint) AS token,
           CAST(value ->> 'at' AS bigint) AS at,
           value ->> 'progress' AS progress,
           CAST(value ->> 'unbegun' AS integer) AS unbegun,
           value ->> 'signal' AS signal,
           CAST(value ->> 'processes' AS integer) AS processes,
           CAST(value ->> 'survivors' AS integer) AS survivors,
           value ->> 'outcome' AS outcome,
           value ->> 'failure' AS failure,
           CAST(value ->> 'after_ms' AS bigint) AS after_ms,
           value ->> 'held' AS reason,
           CAST(value ->> 'known' AS integer) AS known
      FROM json_each($1)
), clock AS (
    SELECT now_ms() AS now
), held AS (
    -- With the attempt at the end of the last 20: nobody else writes those while the token holds.
    SELECT batch.*, clock.now, clock.now + batch.after_ms AS due_at,
           CASE WHEN batch.outcome IS NULL THEN jobs.attempts ELSE
               json_insert(CASE WHEN json_array_length(jobs.attempts) >= 20 -- SQLite only
                                THEN json_remove(jobs.attempts, '$[0]') -- SQLite only
                                ELSE coalesce(jobs.attempts, '[]') END, '$[#]', json_object( -- SQLite only
               CAST(CASE WHEN jsonb_array_length(CAST(jobs.attempts AS jsonb)) >= 20 -- PostgreSQL only
                         THEN CAST(jobs.attempts AS jsonb) - 0 -- PostgreSQL only
                         ELSE CAST(coalesce(jobs.attempts, '[]') AS jsonb) END || jsonb_build_object( -- PostgreSQL only
                   'number', jobs.attempt, 'node', jobs.node, 'started_at', jobs.started_at,
                   'finished_at', batch.at, 'outcome', batch.outcome, 'error', batch.failure)
               ) -- SQLite only
               AS text) -- PostgreSQL only
           END AS attempts
      FROM batch
      CROSS JOIN clock
      JOIN jobs ON jobs.id = batch.id
     WHERE jobs.status = 'running'
       AND jobs.token = batch.token
     ORDER BY jobs.id FOR UPDATE OF jobs -- PostgreSQL only
)
-- `abort_requested_at` is read from `jobs`, never from `held`: where a request was committed while
-- this statement waited for the lock, PostgreSQL reads only `jobs` again.
UPDATE jobs
   SET owner = NULL,
       progress = coalesce(held.progress, jobs.progress),
       status = CASE WHEN jobs.abort_requested_at IS NULL THEN 'queued' ELSE 'aborted' END,
       attempt = CASE WHEN jobs.abort_requested_at IS NULL THEN jobs.attempt - held.unbegun
                      ELSE jobs.attempt END,
       losses = CASE WHEN jobs.abort_requested_at IS NULL THEN jobs.losses ELSE 0 END,
       started_at = CASE WHEN jobs.abort_requested_at IS NULL THEN NULL ELSE jobs.started_at END,
       finished_at = CASE WHEN jobs.abort_requested_at IS NULL THEN NULL ELSE held.at END,
       abort_signal = CASE WHEN jobs.abort_requested_at IS NULL THEN NULL ELSE held.signal END,
       abort_processes = CASE WHEN jobs.abort_requested_at IS NULL THEN NULL ELSE held.processes END,
       abort_survivors = CASE WHEN jobs.abort_requested_at IS NULL THEN NULL ELSE held.survivors END,
       cleanup = CASE WHEN jobs.abort_requested_at IS NOT NULL AND jobs.undoable THEN 'pending' END,
       held = CASE WHEN jobs.abort_requested_at IS NULL AND held.due_at IS NOT NULL
                   THEN coalesce(held.reason, 'retry') END,
       unknown_since = CASE WHEN held.reason = 'no_node' AND held.known = 0
                            THEN coalesce(jobs.unknown_since, held.now) END,
       due_at = CASE WHEN jobs.abort_requested_at IS NULL THEN held.due_at END,
       eligible_at = CASE WHEN jobs.abort_requested_at IS NULL AND held.due_at IS NOT NULL
                               AND held.reason IS NULL THEN NULL
                          ELSE jobs.eligible_at END,
       attempts_used = CASE WHEN jobs.abort_requested_at IS NULL AND held.due_at IS NOT NULL
                                 AND held.reason IS NULL
                            THEN jobs.attempts_used + 1 ELSE jobs.attempts_used END,
       attempts = CASE WHEN jobs.abort_requested_at IS NULL THEN held.attempts ELSE jobs.attempts END,
       bytes = CASE WHEN jobs.abort_requested_at IS NULL
                    THEN jobs.bytes + coalesce(length(held.attempts), 0)
                         - coalesce(length(jobs.attempts), 0)
                    ELSE jobs.bytes END
  FROM held
 WHERE jobs.id = held.id
RETURNING jobs.id, jobs.token, jobs.status, jobs.awaited, jobs.replaced_by
