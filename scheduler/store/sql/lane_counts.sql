-- How many queued jobs wait in some lanes, each counted up to a limit.
-- $1 lanes (JSON object, its keys)
-- $2 count_max
SELECT key AS lane,
       (SELECT count(*)
          FROM (SELECT 1
                  FROM jobs
                 WHERE jobs.lane = key AND jobs.status = 'queued'
                 LIMIT $2) AS counted) AS jobs
  FROM json_each($1)
