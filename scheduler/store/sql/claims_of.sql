-- The claims that a node holds, but for those on some jobs.
SELECT id, uid, task, data, hook, traceparent, attempt, token, status
  FROM jobs
 WHERE owner = $1
   AND id NOT IN (SELECT key FROM json_each($2))
