-- Count the newest jobs that ended since an instant, by step of time and status.
-- $1 since (ms since 1970)
-- $2 limit
-- $3 step (ms)
SELECT finished_at / $3 * $3 AS at, status, count(*) AS jobs
  FROM (SELECT finished_at, status
          FROM jobs
         WHERE finished_at >= $1
         ORDER BY finished_at DESC
         LIMIT $2) AS newest
 GROUP BY at, status
 ORDER BY at DESC, status
