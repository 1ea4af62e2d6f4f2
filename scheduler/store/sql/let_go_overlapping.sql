-- Let those jobs go that were held until the earlier ones of their schedules are over.
-- $1 limit
-- One of a schedule at a time: the first that replaces others, else the earliest.
WITH clock AS (SELECT now_ms() AS now), free AS (
    SELECT first.id
      FROM jobs AS first
           INDEXED BY jobs_overlapping -- SQLite only
     WHERE first.held IN ('overlap', 'replace')
       AND first.status = 'queued'
       -- As values: so each is looked for by its schedule, and not all of all schedules.
       AND (SELECT other.id
              FROM jobs AS other
             WHERE other.uid = first.uid
               AND other.schedule = first.schedule
               AND other.schedule IS NOT NULL
               AND (other.status IN ('queued', 'running')
                    OR other.cleanup = 'pending'
                    OR other.cleanup_due_at IS NOT NULL)
               AND (other.status <> 'queued'
                    OR other.held IS NULL
                    OR other.held NOT IN ('overlap', 'replace'))
             LIMIT 1) IS NULL
       AND (SELECT other.id
              FROM jobs AS other
             WHERE other.uid = first.uid
               AND other.schedule = first.schedule
               AND other.held IN ('overlap', 'replace')
               AND other.status = 'queued'
               AND (other.held > first.held
                    OR (other.held = first.held
                        AND (other.scheduled_for, other.id)
                            < (first.scheduled_for, first.id)))
             LIMIT 1) IS NULL
     LIMIT $1
)
UPDATE jobs
   SET held = CASE WHEN run_at > now THEN 'run_at' END,
       due_at = CASE WHEN run_at > now THEN run_at END,
       eligible_at = CASE WHEN run_at > now THEN NULL ELSE now END,
       turn_at = now - 1000 * priority,
       revision = revision + 1
  FROM clock
 WHERE id IN (SELECT id FROM free)
   AND held IN ('overlap', 'replace')
   AND status = 'queued'
RETURNING id, uid, turn_at, needs, held
