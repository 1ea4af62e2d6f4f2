-- Ids of the re-runs of a job, newest first.
-- $1 job_id
-- $2 uid
-- $3 limit
SELECT id FROM jobs WHERE rerun_of = $1 AND uid = $2 ORDER BY id DESC LIMIT $3
