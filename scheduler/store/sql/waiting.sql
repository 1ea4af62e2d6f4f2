-- The jobs that wait for any worker, by users, each user's in their turn, after one of them.
-- $1 after_uid
-- $2 after_turn_at (ms since 1970)
-- $3 after_id
-- $4 limit
SELECT id, uid, turn_at, needs
  FROM jobs
 WHERE waiting
   AND (uid, turn_at, id) > ($1, $2, $3)
 ORDER BY uid, turn_at, id
 LIMIT $4
