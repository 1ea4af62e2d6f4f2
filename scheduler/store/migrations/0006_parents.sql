-- Jobs that jobs submit: who their parent is, and whether an abort that took a job's children along
-- keeps it from getting further ones.

ALTER TABLE jobs ADD COLUMN parent text
    COLLATE "C" -- PostgreSQL only
;
ALTER TABLE jobs ADD COLUMN children_refused boolean NOT NULL DEFAULT false;

-- Pages of the children of a job, like jobs_of_user; and all that is below a job, without a look at
-- the jobs.
CREATE INDEX jobs_of_parent ON jobs (parent, uid, status, id, task, bytes, children_refused)
    WHERE parent IS NOT NULL;
