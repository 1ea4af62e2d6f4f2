-- How many queued and running jobs users have, each counted up to a limit.
-- $1 uids (JSON object, its keys)
-- $2 count_max
SELECT key AS uid,
       (SELECT count(*)
          FROM (SELECT 1
                  FROM jobs
                 WHERE jobs.uid = key AND jobs.status = 'queued'
                 LIMIT $2) AS counted) AS queued,
       (SELECT count(*)
          FROM (SELECT 1
                  FROM jobs
                 WHERE jobs.uid = key AND jobs.status = 'running'
                 LIMIT $2) AS counted) AS running
  FROM json_each($1)
