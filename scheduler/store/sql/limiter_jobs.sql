-- Those of some jobs that wait for a worker and whose handlers limit them.
-- $1 job_ids (the keys of a JSON object)
-- $2 tasks (the keys of a JSON object)
SELECT id, uid, turn_at, needs, task, data
  FROM jobs
 WHERE id IN (SELECT key FROM json_each($1))
   AND status = 'queued'
   AND held IS NULL
   AND task IN (SELECT key FROM json_each($2))
 ORDER BY id
