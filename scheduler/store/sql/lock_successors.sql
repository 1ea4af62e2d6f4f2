-- Let nobody else change some jobs until this transaction ends.
-- $1 job_ids (the keys of a JSON object)
SELECT id
  FROM jobs
 WHERE id IN (SELECT key FROM json_each($1))
 ORDER BY id
   FOR UPDATE -- PostgreSQL only
