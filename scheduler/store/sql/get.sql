-- The job with an id, if it is a user's.
-- $1 job_id
-- $2 uid (NULL: any)
SELECT * FROM jobs WHERE id = $1 AND (CAST($2 AS text) IS NULL OR uid = $2)
