-- The oldest of a user's jobs with some statuses, and which of them can be run again.
-- $1 uid
-- $2 statuses (the keys of a JSON object)
-- $3 after_id
-- $4 tasks (the keys of a JSON object)
-- $5 since (ms since 1970; NULL: any time)
-- $6 error_kinds (the keys of a JSON object; NULL: any)
-- $7 limit
WITH oldest AS (
    -- The oldest of each status: one range of the index each, as in page.sql.
    SELECT jobs.id
      FROM json_each($2) AS wanted
      JOIN LATERAL (SELECT id                -- PostgreSQL only
      JOIN jobs ON jobs.id IN (SELECT id     -- SQLite only
              FROM jobs
             WHERE uid = $1
               AND status <= wanted.key
               AND (status, id) > (wanted.key, $3)
             ORDER BY uid, status, id
             LIMIT $7)
      AS jobs ON true -- PostgreSQL only
), seen AS MATERIALIZED (
    SELECT id FROM oldest ORDER BY id LIMIT $7
)
SELECT jobs.id,
       jobs.uid,
       jobs.bytes,
       task IN (SELECT key FROM json_each($4))
       AND (CAST($5 AS bigint) IS NULL OR finished_at >= CAST($5 AS bigint))
       -- What is still to be undone is not over; see `rows` for a clean-up with a time.
       AND (cleanup IS NULL OR cleanup = 'done' OR (cleanup = 'failed' AND cleanup_due_at IS NULL))
       -- PostgreSQL reads no JSON that has a NUL; within a string all quotation marks are escaped.
       AND (CAST($6 AS jsonb) IS NULL
            OR substring(error FROM '"kind":"([a-z_]+)"') -- PostgreSQL only
            OR error ->> 'kind'                           -- SQLite only
               IN (SELECT key FROM json_each($6)))
       AND (SELECT 1 FROM jobs AS again WHERE again.rerun_of = jobs.id LIMIT 1) IS NULL
       AS fits
  FROM seen
  JOIN jobs ON jobs.id = seen.id
 ORDER BY jobs.id
