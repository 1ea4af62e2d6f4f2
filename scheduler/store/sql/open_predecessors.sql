-- The first jobs for which a job still waits.
-- $1 job_id
-- $2 limit
SELECT parent AS id
  FROM edges
 WHERE child = $1
   AND is_open
 ORDER BY parent
 LIMIT $2
