-- Take the calls that are due longest, for a while: then they are due again, unless settled.
UPDATE hook_calls
   SET tries = tries + 1,
       due_at = CAST($2 AS bigint)
 WHERE id IN (SELECT id
                FROM hook_calls
               WHERE due_at <= $1
               ORDER BY due_at
               LIMIT $3
                 FOR UPDATE SKIP LOCKED -- PostgreSQL only
             )
RETURNING *
