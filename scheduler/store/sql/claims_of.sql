-- The claims that a node holds, except those on some jobs.
-- $1 node_id
-- $2 but (job ids: the keys of a JSON object)
SELECT id, uid, task, data, hook, parent, traceparent, attempt, token, status,
       cleanup_tries, eligible_at, max_attempts, attempts_used, needs,
       now_ms() - unknown_since AS unknown_ms, predecessors, after_if,
       schedule, scheduled_for
  FROM jobs
 WHERE owner = $1
   AND id NOT IN (SELECT key FROM json_each($2))
