-- The calls of a job's hook, oldest first.
SELECT * FROM hook_calls WHERE job_id = $1 ORDER BY created_at, id LIMIT $2
