-- How many schedules a user has beside one of this name, if those are fewer than it may have.
-- $1 uid
-- $2 name
-- $3 schedules_max
SELECT found.others
  FROM (SELECT count(*) AS others
          FROM (SELECT 1
                  FROM schedules
                 WHERE uid = $1
                   AND name <> $2
                 ORDER BY name
                 LIMIT $3) AS counted) AS found
 WHERE found.others < $3
