-- How many jobs of a user's group have a status, up to a limit, and how many of them are held.
-- $1 uid
-- $2 group
-- $3 status
-- $4 count_max
SELECT count(*) AS jobs, count(held) AS held
  FROM (SELECT held
          FROM jobs
         WHERE group_name = $2
           AND uid = $1
           AND status = $3
         LIMIT $4) AS counted
