-- The newest records of an action between two ids, up to a number.
-- $1 before_id
-- $2 from_id
-- $3 limit
-- $4 action
SELECT *
  FROM audit
 WHERE action = $4
   AND id < $1
   AND id >= $2
 ORDER BY id DESC
 LIMIT $3
