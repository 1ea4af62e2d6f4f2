-- Give new jobs their unique keys, and hold those whose keys jobs have that are not over.
-- $1 jobs (JSON object of rows, see arguments.unique)
WITH batch AS (
    SELECT value ->> 'id' AS id,
           value ->> 'uid' AS uid,
           value ->> 'task' AS task,
           value ->> 'unique_key' AS unique_key,
           value ->> 'on_conflict' AS on_conflict
      FROM json_each($1)
), marks AS (
    -- All that have it were replaced by now, perhaps by one that was aborted before it began. Of these
    -- only one has begun: each waits for the one before it.
    SELECT batch.*,
           (SELECT old.id
              FROM jobs AS old
             WHERE old.uid = batch.uid
               AND old.task = batch.task
               AND old.unique_key = batch.unique_key
               AND old.unique_key IS NOT NULL
               AND (old.status IN ('queued', 'running') OR old.cleanup = 'pending'
                    OR old.cleanup_due_at IS NOT NULL)
             ORDER BY old.id
             LIMIT 1) AS old_id
      FROM batch
)
UPDATE jobs
   SET unique_key = marks.unique_key,
       on_conflict = marks.on_conflict,
       replaces = marks.old_id,
       held = CASE WHEN marks.old_id IS NULL THEN held ELSE 'unique' END,
       due_at = CASE WHEN marks.old_id IS NULL THEN due_at END,
       eligible_at = CASE WHEN marks.old_id IS NULL THEN eligible_at END,
       expires_at = CASE WHEN marks.old_id IS NULL THEN expires_at END
  FROM marks
 WHERE jobs.id = marks.id
RETURNING *
