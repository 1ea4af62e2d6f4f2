-- A schedule, how many of its jobs are not over, and the time of day; without it, only that.
-- $1 uid
-- $2 name
SELECT clock.now,
       schedules.*,
       (SELECT count(*)
          FROM (SELECT 1
                  FROM jobs
                 WHERE jobs.uid = schedules.uid
                   AND jobs.schedule = schedules.name
                   AND jobs.schedule IS NOT NULL
                   AND (jobs.status IN ('queued', 'running')
                        OR jobs.cleanup = 'pending'
                        OR jobs.cleanup_due_at IS NOT NULL)
                 LIMIT 1000) AS counted) AS unfinished,
       (SELECT count(*)
          FROM (SELECT 1
                  FROM jobs
                 WHERE jobs.uid = schedules.uid
                   AND jobs.schedule = schedules.name
                   AND jobs.held IN ('overlap', 'replace')
                   AND jobs.status = 'queued'
                 LIMIT 1000) AS counted) AS held_jobs,
       EXISTS (SELECT 1
                 FROM pauses
                WHERE ((kind = 'task' AND pauses.name = schedules.task)
                       OR (kind = 'uid' AND pauses.name = schedules.uid))
                  AND resumed_at IS NULL
                  AND (until IS NULL OR until > now)) AS held_up
  FROM (SELECT now_ms() AS now) AS clock
  LEFT JOIN schedules ON schedules.uid = $1 AND schedules.name = $2
