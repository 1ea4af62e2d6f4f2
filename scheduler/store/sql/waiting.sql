-- The jobs that wait for a worker, by users, each user's oldest first, after one of them.
-- $1 after_uid
-- $2 after_id
-- $3 limit
SELECT id, uid, created_at AS order_ms
  FROM jobs
 WHERE waiting
   AND (uid, id) > ($1, $2)
 ORDER BY uid, id
 LIMIT $3
