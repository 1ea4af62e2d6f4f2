-- Queue those jobs again whose tokens hold; one whose abort is requested becomes aborted instead.
-- $1 settlements (JSON object of rows, see arguments.settlement)
WITH batch AS (
    SELECT value ->> 'id' AS id,
           CAST(value ->> 'token' AS bigint) AS token,
           CAST(value ->> 'at' AS bigint) AS at,
           value ->> 'progress' AS progress,
           CAST(value ->> 'unbegun' AS integer) AS unbegun,
           value ->> 'signal' AS signal,
           CAST(value ->> 'processes' AS integer) AS processes,
           CAST(value ->> 'survivors' AS integer) AS survivors
      FROM json_each($1)
), held AS (
    SELECT batch.*
      FROM batch
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
       cleanup = CASE WHEN jobs.abort_requested_at IS NOT NULL AND jobs.undoable THEN 'pending' END
  FROM held
 WHERE jobs.id = held.id
RETURNING jobs.id, jobs.token, jobs.status
