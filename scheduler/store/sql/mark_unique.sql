-- Give new jobs their unique keys, and hold those that replace jobs which are not over.
-- $1 jobs (JSON object of rows, see arguments.unique)
WITH batch AS (
    SELECT value ->> 'id' AS id,
           value ->> 'unique_key' AS unique_key,
           value ->> 'on_conflict' AS on_conflict
      FROM json_each($1)
), before AS (
    -- One that was replaced before it began is over: what it waited for may not be.
    SELECT batch.*,
           (SELECT CASE WHEN old.status IN ('queued', 'running') OR old.cleanup = 'pending'
                             OR old.cleanup_due_at IS NOT NULL THEN old.id ELSE old.replaces END
              FROM jobs AS old
             WHERE old.replaced_by = batch.id) AS old_id
      FROM batch
), marks AS (
    SELECT before.id, before.unique_key, before.on_conflict,
           (SELECT old.id
              FROM jobs AS old
             WHERE old.id = before.old_id
               AND (old.status IN ('queued', 'running') OR old.cleanup = 'pending'
                    OR old.cleanup_due_at IS NOT NULL)) AS old_id
      FROM before
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
