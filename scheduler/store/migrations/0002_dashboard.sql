-- What the dashboard looks up: the newest jobs of all users, and what ended in the last minutes.

-- Pages of all users, like jobs_of_user for one.
CREATE INDEX jobs_of_all ON jobs (status, id, task, bytes);

-- The retention needs the same order: one index serves both, so an end costs no further write. The
-- few jobs with a pending clean-up are in it as well now, and the deletion passes over them.
CREATE INDEX jobs_finished ON jobs (finished_at, status) WHERE finished_at IS NOT NULL;
DROP INDEX jobs_deletable;
