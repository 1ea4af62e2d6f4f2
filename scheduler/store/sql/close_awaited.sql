-- Note of locked jobs that are over that no edge from them is open any more.
-- $1 job_ids (the keys of a JSON object)
UPDATE jobs
   SET awaited = 'closed'
 WHERE id IN (SELECT key FROM json_each($1))
   AND awaited = 'open'
   AND finished_at IS NOT NULL
   AND (cleanup IS NULL OR cleanup <> 'pending')
   AND cleanup_due_at IS NULL
   AND NOT EXISTS (SELECT 1 FROM edges WHERE edges.parent = jobs.id AND edges.is_open)
RETURNING id
