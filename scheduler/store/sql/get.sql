-- The job with an id.
-- $1 job_id
SELECT * FROM jobs WHERE id = $1
