-- Delete some of the jobs that were final before an instant and have nothing left to do.
DELETE FROM jobs
 WHERE id IN (SELECT id
                FROM jobs
               WHERE finished_at < $1
                 AND (cleanup IS NULL OR cleanup <> 'pending')
                 AND NOT EXISTS (SELECT 1 FROM hook_calls WHERE job_id = jobs.id AND due_at IS NOT NULL)
               ORDER BY finished_at
               LIMIT $2
                 FOR UPDATE SKIP LOCKED -- PostgreSQL only
             )
RETURNING id
