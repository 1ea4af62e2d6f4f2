-- Whose the oldest jobs of one status are whose abort is not requested yet, and how many of each.
SELECT uid, count(*) AS jobs
  FROM (SELECT uid
          FROM jobs
         WHERE status = $1
           AND (CAST($2 AS text) IS NULL OR task = $2)
           AND abort_requested_at IS NULL
         ORDER BY id
         LIMIT $3) AS oldest
 GROUP BY uid
