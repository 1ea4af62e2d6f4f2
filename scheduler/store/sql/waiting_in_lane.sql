-- The jobs that wait in a lane, by users, each user's in their turn, after one of them.
-- $1 lane
-- $2 after_uid
-- $3 after_turn_at (ms since 1970)
-- $4 after_id
-- $5 limit
SELECT id, uid, turn_at, needs
  FROM jobs
 WHERE lane = $1
   AND (uid, turn_at, id) > ($2, $3, $4)
 ORDER BY lane, uid, turn_at, id
 LIMIT $5
