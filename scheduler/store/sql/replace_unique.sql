-- Take their keys from the jobs that new ones replace, and abort them as request_abort.sql does.
-- $1 jobs (JSON object of rows, see arguments.unique)
-- $2 at (ms since 1970)
-- $3 asked_by (NULL: everybody may)
WITH batch AS (
    SELECT value ->> 'id' AS id,
           value ->> 'uid' AS uid,
           value ->> 'task' AS task,
           value ->> 'unique_key' AS unique_key
      FROM json_each($1)
), old AS (
    -- Locked in the order of ids, as all jobs, so that two of these cannot deadlock.
    SELECT jobs.id, batch.id AS by_id
      FROM batch
      JOIN jobs ON jobs.uid = batch.uid
               AND jobs.task = batch.task
               AND jobs.unique_key = batch.unique_key
     WHERE jobs.unique_key IS NOT NULL
       AND jobs.replaced_by IS NULL
       AND (jobs.status IN ('queued', 'running') OR jobs.cleanup = 'pending'
            OR jobs.cleanup_due_at IS NOT NULL)
     ORDER BY jobs.id FOR UPDATE OF jobs -- PostgreSQL only
), met AS (
    -- The new ones, too, which stay as they are: so there are rows where nothing is replaced.
    SELECT id, NULL AS by_id FROM batch
     UNION ALL
    SELECT id, by_id FROM old
)
UPDATE jobs
   SET replaced_by = met.by_id,
       abort_requested_at = CASE WHEN met.by_id IS NULL THEN NULL
                                 ELSE coalesce(abort_requested_at, CAST($2 AS bigint)) END,
       abort_by = CASE WHEN met.by_id IS NOT NULL AND abort_requested_at IS NULL THEN $3
                       ELSE abort_by END,
       abort_reason = CASE WHEN met.by_id IS NOT NULL AND abort_requested_at IS NULL
                           THEN 'replaced by ' || met.by_id ELSE abort_reason END,
       status = CASE WHEN met.by_id IS NOT NULL AND status = 'queued' THEN 'aborted' ELSE status END,
       losses = CASE WHEN met.by_id IS NOT NULL AND status = 'queued' THEN 0 ELSE losses END,
       finished_at = CASE WHEN met.by_id IS NOT NULL AND status = 'queued' THEN CAST($2 AS bigint)
                          ELSE finished_at END,
       abort_processes = CASE WHEN met.by_id IS NOT NULL AND status = 'queued' THEN 0
                              ELSE abort_processes END,
       abort_survivors = CASE WHEN met.by_id IS NOT NULL AND status = 'queued' THEN 0
                              ELSE abort_survivors END,
       cleanup = CASE WHEN met.by_id IS NOT NULL AND status = 'queued' AND undoable AND attempt > 0
                      THEN 'pending' ELSE cleanup END
  FROM met
 WHERE jobs.id = met.id
   -- One that has ended while this waited for its lock stays as it is: it is over.
   AND (met.by_id IS NULL OR jobs.status IN ('queued', 'running') OR jobs.cleanup = 'pending'
        OR jobs.cleanup_due_at IS NOT NULL)
RETURNING *
