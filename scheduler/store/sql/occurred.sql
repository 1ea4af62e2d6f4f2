-- Those of some times for which a schedule has made a job.
-- $1 schedule_id
-- $2 uid
-- $3 name
-- $4 times (JSON object, its keys: ms since 1970)
SELECT CAST(wanted.key AS bigint) AS scheduled_for
  FROM json_each($4) AS wanted
 WHERE EXISTS (SELECT 1
                 FROM occurrences
                WHERE occurrences.schedule_id = $1
                  AND occurrences.job_id IS NOT NULL
                  AND occurrences.scheduled_for = CAST(wanted.key AS bigint))
    OR EXISTS (SELECT 1
                 FROM jobs
                WHERE jobs.uid = $2
                  AND jobs.schedule = $3
                  AND jobs.schedule IS NOT NULL
                  AND jobs.scheduled_for = CAST(wanted.key AS bigint))
