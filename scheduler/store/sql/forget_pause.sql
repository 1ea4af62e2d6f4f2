-- Forget a pause that has ended, unless it still holds a job that no other one does.
-- $1 kind
-- $2 name
DELETE FROM pauses
 WHERE kind = $1
   AND name = $2
   AND (resumed_at IS NOT NULL OR until <= now_ms())
   AND NOT EXISTS (SELECT 1
                     FROM jobs
                          INDEXED BY jobs_paused_of_task -- SQLite only
                    WHERE $1 = 'task'
                      AND status = 'queued'
                      AND held = 'paused'
                      AND task = $2
                      AND NOT EXISTS (SELECT 1
                                        FROM pauses AS other
                                       WHERE other.kind = 'uid'
                                         AND other.name = jobs.uid
                                         AND other.resumed_at IS NULL
                                         AND (other.until IS NULL OR other.until > now_ms())))
   AND NOT EXISTS (SELECT 1
                     FROM jobs
                          INDEXED BY jobs_paused_of_user -- SQLite only
                    WHERE $1 = 'uid'
                      AND status = 'queued'
                      AND held = 'paused'
                      AND uid = $2
                      AND NOT EXISTS (SELECT 1
                                        FROM pauses AS other
                                       WHERE other.kind = 'task'
                                         AND other.name = jobs.task
                                         AND other.resumed_at IS NULL
                                         AND (other.until IS NULL OR other.until > now_ms())))
RETURNING name
