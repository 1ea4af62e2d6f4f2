-- Delete the oldest records of the audit log that are older than an id, up to a number.
-- $1 before_id
-- $2 limit
DELETE FROM audit
 WHERE id IN (SELECT id
                FROM audit
               WHERE id < $1
               ORDER BY id
               LIMIT $2
                 FOR UPDATE SKIP LOCKED -- PostgreSQL only
             )
RETURNING id
