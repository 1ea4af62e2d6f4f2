-- Say of jobs that were just stored which occurrences they are, and hold those that have to wait.
-- $1 jobs (JSON object of rows: id, schedule, scheduled_for, held)
WITH batch AS (
    SELECT value ->> 'id' AS id,
           value ->> 'schedule' AS schedule,
           CAST(value ->> 'scheduled_for' AS bigint) AS scheduled_for,
           value ->> 'held' AS held
      FROM json_each($1)
)
UPDATE jobs
   SET schedule = batch.schedule,
       scheduled_for = batch.scheduled_for,
       held = coalesce(batch.held, jobs.held),
       eligible_at = CASE WHEN batch.held IS NULL THEN jobs.eligible_at END
  FROM batch
 WHERE jobs.id = batch.id
RETURNING jobs.id
