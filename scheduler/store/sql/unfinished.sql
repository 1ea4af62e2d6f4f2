-- Ids of a user's jobs of one status whose abort is not requested yet, oldest first.
SELECT id
  FROM jobs
 WHERE uid = $1
   AND status = $2
   AND (CAST($3 AS text) IS NULL OR task = $3)
   AND abort_requested_at IS NULL
 ORDER BY id
 LIMIT $4
