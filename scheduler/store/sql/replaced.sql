-- Jobs that are to be aborted, since a later one of their schedule waits to replace them.
-- $1 limit
SELECT DISTINCT old.id, old.uid, old.schedule
  FROM jobs AS new
       INDEXED BY jobs_overlapping -- SQLite only
  JOIN jobs AS old ON old.uid = new.uid AND old.schedule = new.schedule AND old.id <> new.id
 WHERE new.held IN ('overlap', 'replace')
   AND new.status = 'queued'
   AND new.held = 'replace'
   AND old.schedule IS NOT NULL
   AND (old.status IN ('queued', 'running')
        OR old.cleanup = 'pending'
        OR old.cleanup_due_at IS NOT NULL)
   AND old.abort_requested_at IS NULL
   AND (old.held IS NULL OR old.status <> 'queued' OR old.held <> 'overlap')
   AND (old.scheduled_for, old.id) < (new.scheduled_for, new.id)
 LIMIT $1
