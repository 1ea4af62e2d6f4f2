-- The jobs that hold the unique keys of a batch of new ones; of several, the one that has it comes last.
-- $1 jobs (JSON object of rows, see arguments.unique)
WITH batch AS (
    SELECT value ->> 'uid' AS uid, value ->> 'task' AS task, value ->> 'unique_key' AS unique_key
      FROM json_each($1)
)
SELECT jobs.*
  FROM batch
  JOIN jobs ON jobs.uid = batch.uid
           AND jobs.task = batch.task
           AND jobs.unique_key = batch.unique_key
 WHERE jobs.unique_key IS NOT NULL
   AND (jobs.status IN ('queued', 'running') OR jobs.cleanup = 'pending'
        OR jobs.cleanup_due_at IS NOT NULL)
 -- One that was replaced still holds it where its successor is over already.
 ORDER BY jobs.replaced_by IS NULL, jobs.id
