-- The newest records of what somebody did between two ids, up to a number.
-- $1 before_id
-- $2 from_id
-- $3 limit
-- $4 actor
-- $5 action (NULL: any)
SELECT *
  FROM audit
 WHERE actor = $4
   AND id < $1
   AND id >= $2
   AND (CAST($5 AS text) IS NULL OR action = $5)
 ORDER BY id DESC
 LIMIT $3
