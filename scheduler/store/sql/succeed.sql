-- End those attempts with success whose tokens hold: settle.sql for the ends that nearly all have.
-- $1 settlements (JSON object of rows, see arguments.success)
WITH batch AS (
    SELECT value ->> 'id' AS id,
           CAST(value ->> 'token' AS bigint) AS token,
           CAST(value ->> 'at' AS bigint) AS at,
           value ->> 'result' AS result,
           value ->> 'progress' AS progress,
           CAST(value ->> 'bytes' AS bigint) AS bytes
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
   SET status = 'successful',
       owner = NULL,
       finished_at = held.at,
       result = held.result,
       bytes = jobs.bytes + held.bytes,
       progress = coalesce(held.progress, jobs.progress),
       abort_signal = NULL,
       abort_processes = NULL,
       abort_survivors = NULL
  FROM held
 WHERE jobs.id = held.id
RETURNING jobs.id, jobs.token, jobs.status, jobs.awaited, jobs.replaced_by
