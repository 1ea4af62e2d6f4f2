-- Schedules, what became of their occurrences, and the jobs that they make.

-- `cursor_at` is the last occurrence that was handled, `next_at` when the next one is due. Whoever
-- changes a schedule names the `revision` that he has read.
CREATE TABLE schedules (
    uid text
        COLLATE "C" -- PostgreSQL only
        NOT NULL,
    name text
        COLLATE "C" -- PostgreSQL only
        NOT NULL,
    id text NOT NULL,
    task text NOT NULL,
    hook text,
    cron text,
    every_s bigint CHECK (every_s > 0),
    timezone text NOT NULL,
    start_at bigint,
    end_at bigint,
    jitter_s double precision NOT NULL CHECK (jitter_s >= 0),
    misfire text NOT NULL CHECK (misfire IN ('skip', 'once', 'all')),
    catchup_s double precision NOT NULL CHECK (catchup_s >= 0),
    overlap text NOT NULL CHECK (overlap IN ('skip', 'queue_one', 'allow', 'replace')),
    paused boolean NOT NULL,
    note text,
    priority integer NOT NULL CHECK (priority >= -86400 AND priority <= 86400),
    max_attempts integer CHECK (max_attempts > 0),
    undoable boolean NOT NULL,
    needs text,
    set_by text,
    token_id text,
    created_at bigint NOT NULL,
    changed_at bigint NOT NULL,
    cursor_at bigint NOT NULL,
    next_at bigint,
    revision bigint NOT NULL CHECK (revision > 0),
    data text NOT NULL,

    PRIMARY KEY (uid, name),
    CONSTRAINT it_has_an_expression_or_an_interval
        CHECK ((cron IS NULL) <> (every_s IS NULL)),
    CONSTRAINT what_is_paused_is_not_due
        CHECK (NOT paused OR next_at IS NULL)
);
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;

-- Each became one job, or was skipped; several that were missed together are one row.
CREATE TABLE occurrences (
    schedule_id text NOT NULL,
    scheduled_for bigint NOT NULL,
    at bigint NOT NULL,
    job_id text,
    skipped text,
    count integer NOT NULL CHECK (count > 0),

    PRIMARY KEY (schedule_id, scheduled_for),
    CONSTRAINT it_became_a_job_or_was_skipped
        CHECK ((job_id IS NULL) = (skipped IS NOT NULL))
);

-- The release of the rules of time zones that a node knows.
ALTER TABLE nodes ADD COLUMN tzdata text;

ALTER TABLE jobs ADD COLUMN schedule text
    COLLATE "C" -- PostgreSQL only
;
ALTER TABLE jobs ADD COLUMN scheduled_for bigint;

-- Of one occurrence there is one job, whatever else fails to see to that.
CREATE UNIQUE INDEX jobs_by_occurrence ON jobs (uid, schedule, scheduled_for)
    WHERE schedule IS NOT NULL;
-- Those that are not over, by which an occurrence is skipped, or has to wait.
CREATE INDEX jobs_of_schedule ON jobs (uid, schedule, scheduled_for, id)
    WHERE schedule IS NOT NULL
      AND (status IN ('queued', 'running') OR cleanup = 'pending' OR cleanup_due_at IS NOT NULL);
CREATE INDEX jobs_overlapping ON jobs (uid, schedule, scheduled_for, id)
    WHERE held IN ('overlap', 'replace') AND status = 'queued';
