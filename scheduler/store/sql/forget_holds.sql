-- Forget those jobs that hold the keys of some limits no more; the limiters are locked.
-- $1 keys (of a JSON object)
DELETE FROM limiter_holds
 WHERE key IN (SELECT key FROM json_each($1))
   AND NOT EXISTS (SELECT 1
                     FROM jobs
                    WHERE jobs.id = limiter_holds.job_id
                      AND (jobs.owner IS NOT NULL OR jobs.status = 'running'
                           OR jobs.cleanup = 'pending' OR jobs.cleanup_due_at IS NOT NULL
                           -- One that is queued again holds nothing, but its clean-up would.
                           OR (jobs.status = 'queued' AND jobs.undoable AND jobs.attempt > 0)))
RETURNING job_id
