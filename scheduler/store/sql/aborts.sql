-- Ids of the jobs that a node runs and somebody wants ended.
SELECT id FROM jobs WHERE owner = $1 AND status = 'running' AND abort_requested_at IS NOT NULL
