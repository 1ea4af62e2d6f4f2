-- End those attempts for good whose tokens hold.
-- $1 settlements (JSON object of rows, see arguments.settlement)
WITH batch AS (
    SELECT value ->> 'id' AS id,
           CAST(value ->> 'token' AS bigint) AS token,
           value ->> 'status' AS status,
           CAST(value ->> 'at' AS bigint) AS at,
           value ->> 'result' AS result,
           value ->> 'error' AS error,
           value ->> 'progress' AS progress,
           CAST(value ->> 'bytes' AS bigint) AS bytes,
           value ->> 'signal' AS signal,
           CAST(value ->> 'processes' AS integer) AS processes,
           CAST(value ->> 'survivors' AS integer) AS survivors
      FROM json_each($1)
), held AS (
    -- Locked in the order of ids, as in report.sql, so that the two cannot deadlock.
    SELECT batch.*
      FROM batch
      JOIN jobs ON jobs.id = batch.id
     WHERE jobs.status = 'running'
       AND jobs.token = batch.token
     ORDER BY jobs.id FOR UPDATE OF jobs -- PostgreSQL only
)
UPDATE jobs
   SET status = held.status,
       owner = NULL,
       unknown_since = NULL,
       losses = CASE held.status WHEN 'aborted' THEN 0 ELSE jobs.losses END,
       finished_at = held.at,
       result = held.result,
       error = held.error,
       bytes = jobs.bytes + held.bytes,
       progress = coalesce(held.progress, jobs.progress),
       abort_signal = CASE held.status WHEN 'aborted' THEN held.signal END,
       abort_processes = CASE held.status WHEN 'aborted' THEN held.processes END,
       abort_survivors = CASE held.status WHEN 'aborted' THEN held.survivors END,
       cleanup = CASE WHEN held.status = 'aborted' AND jobs.undoable THEN 'pending' END
  FROM held
 WHERE jobs.id = held.id
RETURNING jobs.id, jobs.token, jobs.status, jobs.awaited, jobs.replaced_by
