-- Count, for each user, the oldest jobs with a status and no requested abort.
-- $1 status
-- $2 task (NULL: any)
-- $3 limit
SELECT uid, count(*) AS jobs
  FROM (SELECT uid
          FROM jobs
         WHERE status = $1
           AND (CAST($2 AS text) IS NULL OR task = $2)
           AND abort_requested_at IS NULL
         ORDER BY id
         LIMIT $3) AS oldest
 GROUP BY uid
