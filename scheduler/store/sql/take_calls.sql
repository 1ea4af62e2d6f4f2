-- Take the calls that have been due longest; unless settled, each is due again after a while.
-- $1 at (ms since 1970; NULL: now)
-- $2 taken_ms
-- $3 limit
-- $4 but (receivers: the keys of a JSON object)
-- $5 but_users (the keys of a JSON object)
WITH clock AS (SELECT coalesce(CAST($1 AS bigint), now_ms()) AS now)
UPDATE hook_calls
   SET tries = tries + 1,
       due_at = (SELECT now FROM clock) + CAST($2 AS bigint)
 WHERE id IN (SELECT hook_calls.id
                FROM hook_calls
               WHERE hook_calls.due_at <= (SELECT now FROM clock)
                 -- No join, for which PostgreSQL may read all jobs at once.
                 AND (SELECT NOT EXISTS (SELECT 1
                                           FROM json_each($4) AS passed_over
                                          WHERE substr(jobs.hook || '/', 1, length(passed_over.key))
                                                = passed_over.key)
                         AND NOT EXISTS (SELECT 1
                                           FROM json_each($5) AS passed_over
                                          WHERE passed_over.key = jobs.uid)
                        FROM jobs
                       WHERE jobs.id = hook_calls.job_id)
               ORDER BY hook_calls.due_at
               LIMIT $3
                 FOR UPDATE OF hook_calls SKIP LOCKED -- PostgreSQL only
             )
RETURNING *
