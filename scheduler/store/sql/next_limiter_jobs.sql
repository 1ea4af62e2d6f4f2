-- The next jobs of a user in a lane that wait for a worker and whose handlers limit them.
-- $1 uid
-- $2 tasks (the keys of a JSON object)
-- $3 looked_at_max
-- $4 data_bytes_max
-- $5 lane (NULL: that of jobs without needs)
WITH next AS (
    SELECT id
      FROM jobs
     WHERE waiting
       AND uid = $1
       AND CAST($5 AS text) IS NULL
     ORDER BY uid, turn_at, id
     LIMIT $3
), next_in_lane AS (
    SELECT id
      FROM jobs
     WHERE lane = $5
       AND uid = $1
     ORDER BY lane, uid, turn_at, id
     LIMIT $3
)
SELECT id, uid, turn_at, needs, task, data
  FROM jobs
 WHERE id IN (SELECT id FROM next UNION SELECT id FROM next_in_lane)
   AND status = 'queued'
   AND held IS NULL
   AND length(data) <= $4
   AND task IN (SELECT key FROM json_each($2))
 ORDER BY turn_at, id
