-- How jobs ended that others come after, with their results up to a size for each set of them.
-- $1 predecessors (JSON object of rows: set, id)
-- $2 chars_max
WITH found AS (
    SELECT CAST(value ->> 'set' AS integer) AS number, jobs.id, jobs.status, jobs.error,
           length(jobs.result) AS chars,
           sum(length(jobs.result))
               OVER (PARTITION BY CAST(value ->> 'set' AS integer) ORDER BY jobs.id) AS chars_so_far
      FROM json_each($1)
      JOIN jobs ON jobs.id = value ->> 'id'
)
SELECT found.number, found.id, found.status, found.error, found.chars, jobs.result
  FROM found
  LEFT JOIN jobs ON jobs.id = found.id AND found.chars_so_far <= CAST($2 AS bigint)
