-- The newest records that are about a user's jobs between two ids, up to a number.
-- $1 before_id
-- $2 from_id
-- $3 limit
-- $4 uid
-- $5 actor (NULL: any)
-- $6 action (NULL: any)
SELECT *
  FROM audit
 WHERE uid = $4
   AND id < $1
   AND id >= $2
   AND (CAST($5 AS text) IS NULL OR actor = $5)
   AND (CAST($6 AS text) IS NULL OR action = $6)
 ORDER BY id DESC
 LIMIT $3
