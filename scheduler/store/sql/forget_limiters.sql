-- Delete limiters that no job is in any more, those first that have been idle longest.
-- $1 idle_ms (for how long, at least)
-- $2 limit
DELETE FROM limiters
 WHERE key IN (SELECT key
                 FROM limiters
                WHERE tat < (SELECT (now_ms() - $1) * 1000)
                  AND opens_at IS NULL
                  AND NOT EXISTS (SELECT 1 FROM limiter_holds WHERE limiter_holds.key = limiters.key)
                  AND NOT EXISTS (SELECT 1
                                    FROM jobs
                                   WHERE jobs.status = 'queued'
                                     AND (jobs.held = 'limit' OR jobs.held = 'throttle')
                                     AND jobs.limiter = limiters.key)
                ORDER BY tat
                LIMIT $2
                  FOR UPDATE SKIP LOCKED -- PostgreSQL only
              )
RETURNING key
