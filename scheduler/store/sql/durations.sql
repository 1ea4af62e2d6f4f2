-- How long the newest jobs that ended since an instant waited and ran; a clock jump counts as 0.
-- $1 since (ms since 1970)
-- $2 limit
SELECT CASE WHEN started_at > since THEN started_at - since ELSE 0 END AS waited_ms,
       CASE WHEN finished_at > started_at THEN finished_at - started_at ELSE 0 END AS ran_ms
  FROM (SELECT CASE WHEN run_at IS NULL THEN created_at
                    ELSE coalesce(eligible_at, created_at) END AS since,
               started_at, finished_at
          FROM jobs
         WHERE finished_at >= $1
         ORDER BY finished_at DESC
         LIMIT $2) AS newest
 WHERE started_at IS NOT NULL
