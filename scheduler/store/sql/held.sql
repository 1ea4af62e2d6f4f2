-- How many queued jobs are held, by reason, counted up to a limit.
-- $1 count_max
SELECT held AS reason, count(*) AS jobs
  FROM (SELECT held
          FROM jobs
               INDEXED BY jobs_held -- SQLite only
         WHERE held IS NOT NULL
           AND status = 'queued'
         ORDER BY due_at -- so that the index is read
         LIMIT $1) AS counted
 GROUP BY held
