-- Store what became of occurrences, unless one of them has a job already: then of none.
-- $1 occurrences (JSON object of rows, see arguments.occurrence)
WITH batch AS (
    SELECT value ->> 'schedule_id' AS schedule_id,
           value ->> 'uid' AS uid,
           value ->> 'schedule' AS schedule,
           CAST(value ->> 'scheduled_for' AS bigint) AS scheduled_for,
           CAST(value ->> 'at' AS bigint) AS at,
           value ->> 'job_id' AS job_id,
           value ->> 'skipped' AS skipped,
           CAST(value ->> 'count' AS integer) AS count
      FROM json_each($1)
)
INSERT INTO occurrences (schedule_id, scheduled_for, at, job_id, skipped, count)
SELECT schedule_id, scheduled_for, at, job_id, skipped, count
  FROM batch
 WHERE NOT EXISTS (SELECT 1
                     FROM batch AS again
                    WHERE again.job_id IS NOT NULL
                      AND ((SELECT occurrences.job_id
                              FROM occurrences
                             WHERE occurrences.schedule_id = again.schedule_id
                               AND occurrences.scheduled_for = again.scheduled_for) IS NOT NULL
                           OR (SELECT jobs.id
                                 FROM jobs
                                WHERE jobs.uid = again.uid
                                  AND jobs.schedule = again.schedule
                                  AND jobs.schedule IS NOT NULL
                                  AND jobs.scheduled_for = again.scheduled_for
                                LIMIT 1) IS NOT NULL))
-- One that was skipped may be made up for.
ON CONFLICT (schedule_id, scheduled_for) DO UPDATE
   SET at = excluded.at,
       job_id = excluded.job_id,
       skipped = excluded.skipped,
       count = excluded.count
 WHERE occurrences.job_id IS NULL
RETURNING scheduled_for
