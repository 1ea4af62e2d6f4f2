-- Take the calls that have been due longest; unless settled, each is due again at a later instant.
-- $1 at (ms since 1970)
-- $2 until (ms since 1970)
-- $3 limit
-- $4 but (receivers: the keys of a JSON object)
-- $5 but_users (the keys of a JSON object)
UPDATE hook_calls
   SET tries = tries + 1,
       due_at = CAST($2 AS bigint)
 WHERE id IN (SELECT hook_calls.id
                FROM hook_calls
                JOIN jobs ON jobs.id = hook_calls.job_id
               WHERE hook_calls.due_at <= $1
                 AND NOT EXISTS (SELECT 1
                                   FROM json_each($4) AS passed_over
                                  WHERE substr(jobs.hook || '/', 1, length(passed_over.key))
                                        = passed_over.key)
                 AND NOT EXISTS (SELECT 1
                                   FROM json_each($5) AS passed_over
                                  WHERE passed_over.key = jobs.uid)
               ORDER BY hook_calls.due_at
               LIMIT $3
                 FOR UPDATE OF hook_calls SKIP LOCKED -- PostgreSQL only
             )
RETURNING *
