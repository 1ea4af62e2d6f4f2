-- Jobs and nodes, with the rules of scheduler/core/job.py repeated as constraints.

-- Instants are milliseconds since 1970 UTC. No constraint compares two of them: wall clocks jump.
-- `tasks`, `progress`, `data`, `result` and `error` hold JSON as text.
CREATE TABLE nodes (
    id text PRIMARY KEY,
    name text NOT NULL,
    version text NOT NULL,
    workers integer NOT NULL CHECK (workers >= 0),
    tasks text NOT NULL,
    running integer NOT NULL CHECK (running >= 0),
    beat bigint NOT NULL CHECK (beat >= 0),
    started_at bigint NOT NULL
);

-- The large texts come last: SQLite then reads the small columns without them.
CREATE TABLE jobs (
    id text
        COLLATE "C" -- PostgreSQL only
        PRIMARY KEY,
    uid text NOT NULL,
    task text NOT NULL,
    hook text,
    status text NOT NULL
        CHECK (status IN ('queued', 'running', 'successful', 'terminated', 'aborted')),
    attempt integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    token bigint NOT NULL DEFAULT 0,
    losses integer NOT NULL DEFAULT 0 CHECK (losses >= 0),
    undoable boolean NOT NULL,
    owner text,
    node text,
    created_at bigint NOT NULL,
    started_at bigint,
    finished_at bigint,
    abort_requested_at bigint,
    abort_reason text,
    abort_grace_s double precision CHECK (abort_grace_s >= 0),
    abort_signal text,
    abort_processes integer CHECK (abort_processes >= 0),
    abort_survivors integer CHECK (abort_survivors >= 0),
    cleanup text CHECK (cleanup IN ('pending', 'done', 'failed')),
    waiting boolean NOT NULL GENERATED ALWAYS AS (
        status = 'queued' OR (cleanup IS NOT NULL AND cleanup = 'pending' AND owner IS NULL)
    ) STORED,
    idempotency_key text,
    fingerprint text,
    bytes bigint NOT NULL CHECK (bytes >= 0),
    progress text,
    data text NOT NULL,
    result text,
    error text,

    CONSTRAINT a_token_grows_with_each_attempt
        CHECK (token >= attempt),
    CONSTRAINT what_runs_has_an_owner_and_only_that_and_cleaning_up
        CHECK ((status <> 'running' OR owner IS NOT NULL)
               AND (owner IS NULL OR status = 'running' OR (cleanup IS NOT NULL AND cleanup = 'pending'))),
    CONSTRAINT what_runs_was_started
        CHECK (status <> 'running' OR (attempt > 0 AND node IS NOT NULL AND started_at IS NOT NULL)),
    CONSTRAINT what_is_queued_is_neither_started_nor_to_be_aborted
        CHECK (status <> 'queued' OR (started_at IS NULL AND abort_requested_at IS NULL)),
    CONSTRAINT what_is_final_has_an_end
        CHECK ((status IN ('queued', 'running')) = (finished_at IS NULL)),
    CONSTRAINT success_has_a_result
        CHECK ((status = 'successful') = (result IS NOT NULL)),
    CONSTRAINT failure_has_an_error
        CHECK ((status = 'terminated') = (error IS NOT NULL)),
    CONSTRAINT an_abort_was_requested
        CHECK (abort_requested_at IS NOT NULL
               OR (status <> 'aborted' AND abort_reason IS NULL AND abort_grace_s IS NULL)),
    CONSTRAINT a_death_is_told_whole_and_only_of_an_abort
        CHECK ((abort_processes IS NULL) = (abort_survivors IS NULL)
               AND (abort_signal IS NULL OR abort_processes IS NOT NULL)
               AND (abort_processes IS NULL
                    OR status = 'aborted'
                    OR (status = 'running' AND abort_requested_at IS NOT NULL))),
    CONSTRAINT an_abort_proves_death
        CHECK (status <> 'aborted' OR (abort_survivors IS NOT NULL AND abort_survivors = 0)),
    CONSTRAINT only_an_abort_is_cleaned_up
        CHECK (cleanup IS NULL OR (status = 'aborted' AND undoable))
);

-- Pages of one user: each status is a range of its own, so a rare one is found among a million
-- of another; with task and bytes in it a page is cut to size without a look at the jobs.
CREATE INDEX jobs_of_user ON jobs (uid, status, id, task, bytes);
CREATE UNIQUE INDEX jobs_by_key ON jobs (uid, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX jobs_waiting ON jobs (id) WHERE waiting;
CREATE INDEX jobs_owned ON jobs (owner, id) WHERE owner IS NOT NULL;
CREATE INDEX jobs_deletable ON jobs (finished_at)
    WHERE finished_at IS NOT NULL AND (cleanup IS NULL OR cleanup <> 'pending');
