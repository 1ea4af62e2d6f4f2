-- Open edges whose parents are over; without a child, a parent from which none is open any more.
-- $1 limit
WITH ended AS (
    SELECT id
      FROM jobs
           INDEXED BY jobs_awaited_over -- SQLite only
     WHERE awaited = 'open'
       AND finished_at IS NOT NULL
       AND (cleanup IS NULL OR cleanup <> 'pending')
       AND cleanup_due_at IS NULL
     ORDER BY finished_at
     LIMIT $1
)
SELECT ended.id AS parent, edges.child
  FROM ended
  LEFT JOIN edges ON edges.parent = ended.id AND edges.is_open
 LIMIT $1
