-- The jobs with some ids, oldest first.
-- $1 job_ids (the keys of a JSON object)
SELECT * FROM jobs WHERE id IN (SELECT key FROM json_each($1)) ORDER BY id
