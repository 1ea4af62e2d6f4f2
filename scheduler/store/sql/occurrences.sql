-- The last occurrences of a schedule, newest first, and where their jobs stand.
-- $1 schedule_id
-- $2 limit
SELECT occurrences.*, jobs.status, jobs.held
  FROM occurrences
  LEFT JOIN jobs ON jobs.id = occurrences.job_id
 WHERE occurrences.schedule_id = $1
 ORDER BY occurrences.scheduled_for DESC
 LIMIT $2
