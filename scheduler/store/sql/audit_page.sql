-- The newest records of the audit log between two ids, up to a number.
-- $1 before_id
-- $2 from_id
-- $3 limit
SELECT *
  FROM audit
 WHERE id < $1
   AND id >= $2
 ORDER BY id DESC
 LIMIT $3
