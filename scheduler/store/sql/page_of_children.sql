-- The newest jobs of all users with a parent and some statuses, up to a number and a size.
-- $1 statuses (the keys of a JSON object)
-- $2 before_id
-- $3 task (NULL: any)
-- $4 limit
-- $5 bytes_max
-- $6 parent
WITH children AS MATERIALIZED (
    -- On its own, or PostgreSQL may read all jobs by id to find the few of a parent.
    SELECT id, bytes
      FROM jobs
     WHERE parent = $6
       AND status IN (SELECT key FROM json_each($1))
       AND id < $2
       AND (CAST($3 AS text) IS NULL OR task = $3)
), newest AS (
    SELECT id, bytes FROM children ORDER BY id DESC LIMIT $4
), counted AS (
    SELECT id, sum(bytes) OVER (ORDER BY id DESC) - bytes AS bytes_before
      FROM newest
)
SELECT jobs.*
  FROM counted
  JOIN jobs ON jobs.id = counted.id
 WHERE counted.bytes_before <= CAST($5 AS bigint)
 ORDER BY jobs.id DESC
