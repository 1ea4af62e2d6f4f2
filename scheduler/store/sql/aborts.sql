-- Ids of the jobs that a node runs and whose abort is requested.
-- $1 node_id
SELECT id FROM jobs WHERE owner = $1 AND status = 'running' AND abort_requested_at IS NOT NULL
