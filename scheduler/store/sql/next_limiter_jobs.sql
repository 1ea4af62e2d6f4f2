-- The next jobs of a user that wait for a worker and whose handlers limit them.
-- $1 uid
-- $2 tasks (the keys of a JSON object)
-- $3 looked_at_max
-- $4 data_bytes_max
SELECT id, uid, turn_at, needs, task, data
  FROM jobs
 WHERE id IN (SELECT id FROM jobs WHERE waiting AND uid = $1 ORDER BY uid, turn_at, id LIMIT $3)
   AND status = 'queued'
   AND held IS NULL
   AND length(data) <= $4
   AND task IN (SELECT key FROM json_each($2))
 ORDER BY turn_at, id
