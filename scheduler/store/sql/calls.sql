-- The first calls of a job's hook, oldest first.
-- $1 job_id
-- $2 limit
SELECT * FROM hook_calls WHERE job_id = $1 ORDER BY created_at, id LIMIT $2
