-- Delete some of the jobs that were final before an instant and have nothing left to do.
-- $1 before (ms since 1970)
-- $2 limit
-- $3 bytes_max (NULL: no limit)
WITH old AS (
    SELECT id, finished_at,
           bytes + coalesce((SELECT sum(logs.bytes) FROM logs WHERE job_id = jobs.id), 0) AS bytes
      FROM jobs
     WHERE finished_at < $1
       AND (cleanup IS NULL OR cleanup <> 'pending')
       AND cleanup_due_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM hook_calls WHERE job_id = jobs.id AND due_at IS NOT NULL)
       -- Nor one that a job comes after which has not ended: that is given its result.
       AND (awaited IS NULL
            -- No NOT EXISTS, for which PostgreSQL may read all edges at once.
            OR ((SELECT successor.id
                   FROM edges
                   JOIN jobs AS successor ON successor.id = edges.child
                  WHERE edges.parent = jobs.id
                    AND successor.finished_at IS NULL
                  LIMIT 1) IS NULL
                -- Of one that was written before it is locked, the row is read again, but not its edges.
                AND jobs.xmin = (SELECT seen.xmin FROM jobs AS seen WHERE seen.id = jobs.id) -- PostgreSQL only
               ))
     ORDER BY finished_at
     LIMIT $2
       FOR UPDATE SKIP LOCKED -- PostgreSQL only
), counted AS (
    SELECT id, sum(bytes) OVER (ORDER BY finished_at, id) - bytes AS bytes_before FROM old
)
DELETE FROM jobs
 WHERE id IN (SELECT id FROM counted
               WHERE CAST($3 AS bigint) IS NULL OR bytes_before <= CAST($3 AS bigint))
RETURNING id
