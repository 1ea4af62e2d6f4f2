-- How many queued jobs users have, if with their new ones none of them has more than its quota.
-- $1 quotas (JSON object by uid, see arguments.quotas)
-- $2 count_max
WITH found AS MATERIALIZED (
    SELECT key AS uid,
           CAST(value ->> 'new' AS bigint) AS new,
           CAST(value ->> 'queued_max' AS bigint) AS queued_max,
           (SELECT count(*)
              FROM (SELECT 1
                      FROM jobs
                     WHERE jobs.uid = key AND jobs.status = 'queued'
                     LIMIT $2) AS counted) AS queued
      FROM json_each($1)
)
SELECT uid, queued
  FROM found
 WHERE NOT EXISTS (SELECT 1 FROM found AS over WHERE over.queued + over.new > over.queued_max)
