-- The same as within_quotas.sql where some of the new jobs replace queued ones, which do not count.
-- $1 quotas (JSON object by uid, see arguments.quotas)
-- $2 count_max
-- $3 jobs (JSON object of rows, see arguments.unique)
WITH replaced AS MATERIALIZED (
    SELECT jobs.uid, count(*) AS jobs
      FROM json_each($3) AS new
      JOIN jobs ON jobs.uid = new.value ->> 'uid'
               AND jobs.task = new.value ->> 'task'
               AND jobs.unique_key = new.value ->> 'unique_key'
     WHERE new.value ->> 'on_conflict' = 'replace'
       AND jobs.unique_key IS NOT NULL
       AND jobs.replaced_by IS NULL
       AND (jobs.status IN ('queued', 'running') OR jobs.cleanup = 'pending' -- as in the index
            OR jobs.cleanup_due_at IS NOT NULL)
       AND jobs.status = 'queued'
     GROUP BY jobs.uid
), found AS MATERIALIZED (
    SELECT key AS uid,
           CAST(value ->> 'new' AS bigint) AS new,
           CAST(value ->> 'queued_max' AS bigint) AS queued_max,
           (SELECT count(*)
              FROM (SELECT 1
                      FROM jobs
                     WHERE jobs.uid = key AND jobs.status = 'queued'
                     LIMIT $2) AS counted)
           - coalesce((SELECT replaced.jobs FROM replaced WHERE replaced.uid = key), 0) AS queued
      FROM json_each($1)
)
SELECT uid, queued
  FROM found
 WHERE NOT EXISTS (SELECT 1 FROM found AS over WHERE over.queued + over.new > over.queued_max)
