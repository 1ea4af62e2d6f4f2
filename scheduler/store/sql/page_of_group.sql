-- A user's newest jobs of a group with some statuses, up to a number and a size.
-- $1 uid
-- $2 statuses (the keys of a JSON object)
-- $3 before_id
-- $4 task (NULL: any)
-- $5 limit
-- $6 bytes_max
-- $7 group
-- $8 parent (NULL: any)
WITH newest AS (
    -- The newest of each status, as in page.sql, from the index that begins with the group.
    SELECT jobs.id, jobs.bytes
      FROM json_each($2) AS wanted
      JOIN LATERAL (SELECT id, bytes         -- PostgreSQL only
      JOIN jobs ON jobs.id IN (SELECT id     -- SQLite only
              FROM jobs
             WHERE group_name = $7
               AND uid = $1
               AND status >= wanted.key
               AND (status, id) < (wanted.key, $3)
               AND (CAST($4 AS text) IS NULL OR task = $4)
               AND (CAST($8 AS text) IS NULL OR parent = $8)
             ORDER BY group_name DESC, uid DESC, status DESC, id DESC
             LIMIT $5)
      AS jobs ON true -- PostgreSQL only
), counted AS (
    SELECT id,
           row_number() OVER (ORDER BY id DESC) AS place,
           sum(bytes) OVER (ORDER BY id DESC) - bytes AS bytes_before
      FROM newest
)
SELECT jobs.*
  FROM counted
  JOIN jobs ON jobs.id = counted.id
 WHERE counted.place <= $5
   AND counted.bytes_before <= CAST($6 AS bigint)
 ORDER BY jobs.id DESC
