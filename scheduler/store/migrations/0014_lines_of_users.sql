-- Which users have jobs that wait, and the oldest of each: found without a look at the others.

CREATE INDEX jobs_waiting_of_user ON jobs (uid, id) WHERE waiting;
DROP INDEX jobs_waiting;
