-- The newest jobs of all users with some statuses, up to a number and a size.
-- $1 statuses (the keys of a JSON object)
-- $2 before_id
-- $3 task (NULL: any)
-- $4 limit
-- $5 bytes_max
WITH newest AS (
    -- The newest of each status, as in page.sql, from the index that begins with the status.
    SELECT jobs.id, jobs.bytes
      FROM json_each($1) AS wanted
      JOIN LATERAL (SELECT id, bytes         -- PostgreSQL only
      JOIN jobs ON jobs.id IN (SELECT id     -- SQLite only
              FROM jobs
             WHERE status >= wanted.key
               AND (status, id) < (wanted.key, $2)
               AND (CAST($3 AS text) IS NULL OR task = $3)
             ORDER BY status DESC, id DESC
             LIMIT $4)
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
 WHERE counted.place <= $4
   AND counted.bytes_before <= CAST($5 AS bigint)
 ORDER BY jobs.id DESC
