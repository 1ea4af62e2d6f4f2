-- Those of some jobs that wait for a worker, to run their handler.
-- $1 job_ids (the keys of a JSON object)
SELECT id, uid, turn_at, needs
  FROM jobs
 WHERE id IN (SELECT key FROM json_each($1))
   AND (waiting OR lane IS NOT NULL)
   AND status = 'queued'
   AND (expires_at IS NULL OR attempt > 0 OR expires_at > now_ms())
 ORDER BY id
