-- Ids of a user's jobs of one status whose abort is not requested yet, oldest first, up to one.
SELECT id
  FROM jobs
 WHERE uid = $1
   AND status = $2
   AND id <= $3
   AND (CAST($4 AS text) IS NULL OR task = $4)
   AND abort_requested_at IS NULL
 ORDER BY id
 LIMIT $5
