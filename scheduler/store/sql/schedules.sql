-- The schedules of a user, or of all, after one of them, by user and name.
-- $1 uid (NULL: all)
-- $2 after_uid
-- $3 after_name
-- $4 limit
SELECT *
  FROM schedules
 WHERE (CAST($1 AS text) IS NULL OR uid = $1)
   AND (uid, name) > ($2, $3)
 ORDER BY uid, name
 LIMIT $4
