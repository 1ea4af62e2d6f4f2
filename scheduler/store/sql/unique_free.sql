-- A row where nobody holds the unique keys of a batch of new jobs but those that are to be replaced.
-- $1 jobs (JSON object of rows, see arguments.unique)
WITH batch AS (
    SELECT value ->> 'uid' AS uid,
           value ->> 'task' AS task,
           value ->> 'unique_key' AS unique_key,
           value ->> 'on_conflict' AS on_conflict
      FROM json_each($1)
)
SELECT 1 AS free
 WHERE NOT EXISTS (
    SELECT 1
      FROM batch
      JOIN jobs ON jobs.uid = batch.uid
               AND jobs.task = batch.task
               AND jobs.unique_key = batch.unique_key
     WHERE batch.on_conflict <> 'replace'
       AND jobs.unique_key IS NOT NULL
       AND (jobs.status IN ('queued', 'running') OR jobs.cleanup = 'pending'
            OR jobs.cleanup_due_at IS NOT NULL))
