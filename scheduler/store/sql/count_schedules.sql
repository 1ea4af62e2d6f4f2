-- How many schedules a user has, counted up to a limit.
-- $1 uid
-- $2 count_max
SELECT count(*) AS schedules
  FROM (SELECT 1
          FROM schedules
         WHERE uid = $1
         ORDER BY name
         LIMIT $2) AS counted
