-- Ids of a schedule's jobs with a status and no requested abort, oldest first, up to an id.
-- $1 uid
-- $2 status
-- $3 last_id
-- $4 task (NULL: any)
-- $5 limit
-- $6 schedule
SELECT id
  FROM jobs
 WHERE uid = $1
   AND schedule = $6
   AND schedule IS NOT NULL
   -- As in the index that has them.
   AND (status IN ('queued', 'running') OR cleanup = 'pending' OR cleanup_due_at IS NOT NULL)
   AND status = $2
   AND id <= $3
   AND (CAST($4 AS text) IS NULL OR task = $4)
   AND abort_requested_at IS NULL
 ORDER BY id
 LIMIT $5
