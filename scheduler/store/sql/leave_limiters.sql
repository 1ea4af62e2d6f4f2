-- Have those of some jobs count for no limiter that still wait for a worker: a quota keeps them.
-- $1 job_ids (the keys of a JSON object)
UPDATE jobs
   SET limiter = NULL
 WHERE id IN (SELECT id
                FROM jobs
               WHERE id IN (SELECT key FROM json_each($1))
                 AND limiter IS NOT NULL
                 AND status = 'queued'
                 AND held IS NULL
                 FOR UPDATE SKIP LOCKED -- PostgreSQL only
             )
RETURNING id
