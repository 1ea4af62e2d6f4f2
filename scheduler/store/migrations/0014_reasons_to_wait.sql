-- When queued jobs may run, and in which order: why one does not wait for a worker yet, and its turn.

-- `held` names the reason, `due_at` the time at which it ends by itself, if it does. It counts only
-- while the job is queued: an abort leaves it.
-- `turn_at` is the time since which a job may run, minus its head start: whose is least is next. The
-- jobs of nodes of an earlier version have none, and come first. `revision` counts the changes of all
-- this since the last claim.
ALTER TABLE jobs ADD COLUMN priority integer NOT NULL DEFAULT 0
    CHECK (priority >= -86400 AND priority <= 86400);
ALTER TABLE jobs ADD COLUMN run_at bigint;
ALTER TABLE jobs ADD COLUMN held text;
ALTER TABLE jobs ADD COLUMN due_at bigint
    CONSTRAINT only_what_is_held_is_due
        CHECK (due_at IS NULL OR held IS NOT NULL);
ALTER TABLE jobs ADD COLUMN eligible_at bigint;
ALTER TABLE jobs ADD COLUMN turn_at bigint NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN start_within_s double precision CHECK (start_within_s > 0);
ALTER TABLE jobs ADD COLUMN expires_at bigint
    CONSTRAINT only_what_must_start_in_time_expires
        CHECK (expires_at IS NULL OR start_within_s IS NOT NULL);
ALTER TABLE jobs ADD COLUMN revision integer NOT NULL DEFAULT 0 CHECK (revision >= 0);

-- In place of the old column, so that nodes of an earlier version begin no job that is held.
DROP INDEX jobs_waiting;
ALTER TABLE jobs DROP COLUMN waiting;
ALTER TABLE jobs ADD COLUMN waiting boolean NOT NULL GENERATED ALWAYS AS (
    (status = 'queued' AND held IS NULL)
    OR (cleanup IS NOT NULL AND cleanup = 'pending' AND owner IS NULL)
)
    STORED -- PostgreSQL only
    VIRTUAL -- SQLite only
;
UPDATE jobs SET eligible_at = created_at WHERE status IN ('queued', 'running');

-- By users, so that each one's next job is found without a look at the others. With all columns that
-- its readers need, so that they need not read the jobs: those of SQLite are behind large texts.
CREATE INDEX jobs_waiting ON jobs (uid, turn_at, id, status, eligible_at) WHERE waiting;
CREATE INDEX jobs_held ON jobs (due_at, held, status) WHERE held IS NOT NULL AND status = 'queued';
CREATE INDEX jobs_expiring ON jobs (expires_at) WHERE expires_at IS NOT NULL AND status = 'queued';
