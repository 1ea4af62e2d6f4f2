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
   AND ((old.scheduled_for, old.id) < (new.scheduled_for, new.id)
        -- Of an occurrence that is late by its jitter, what was run by hand is earlier in any case: that is
        -- never at a whole second. What waits to replace others itself has its order.
        OR (old.scheduled_for % 1000 <> 0
            AND new.scheduled_for % 1000 = 0
            AND (old.held IS NULL OR old.status <> 'queued' OR old.held <> 'replace')))
 LIMIT $1
