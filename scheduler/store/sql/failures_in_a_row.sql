-- How many of the last ended jobs of a schedule since a time failed one after the other.
-- $1 uid
-- $2 schedule
-- $3 since (ms since 1970)
-- $4 count_max
WITH ended AS (
    SELECT status, scheduled_for, id
      FROM jobs
     WHERE uid = $1
       AND schedule = $2
       AND schedule IS NOT NULL
       AND scheduled_for >= $3
       AND status IN ('successful', 'terminated')
     ORDER BY scheduled_for DESC
     LIMIT $4
)
SELECT count(*) AS failures
  FROM ended
 WHERE NOT EXISTS (SELECT 1
                     FROM ended AS better
                    WHERE better.status = 'successful'
                      AND better.scheduled_for >= ended.scheduled_for)
