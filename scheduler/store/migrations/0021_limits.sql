-- Limiters: what limits and throttles of handlers let through, for each of their keys.

-- `rule` is what of a handler makes the limiter. A limiter of a limit has `jobs_max`; one of a throttle has
-- the time from one start to the next and how far starts may run ahead of it, and `tat`, the time at
-- which the next start is due (GCRA); all of these in microseconds, `tat` since 1970. `tat` of a limit
-- is when a claim last looked at it. `opens_at` is when the promoter looks at the jobs that wait for a
-- throttle; NULL where none does. All of this is written under the lock of the limiter.
CREATE TABLE limiters (
    key text
        COLLATE "C" -- PostgreSQL only
        PRIMARY KEY,
    rule text NOT NULL,
    jobs_max bigint CHECK (jobs_max > 0),
    interval_us bigint CHECK (interval_us > 0),
    slack_us bigint NOT NULL CHECK (slack_us >= 0),
    tat bigint NOT NULL,
    opens_at bigint,
    CONSTRAINT a_limiter_limits_or_throttles CHECK ((jobs_max IS NULL) <> (interval_us IS NULL))
);
CREATE INDEX limiters_idle ON limiters (tat);
CREATE INDEX limiters_opening ON limiters (opens_at) WHERE opens_at IS NOT NULL;

-- The jobs to look at to know how many hold the key of a limit. A row says that a job was claimed with
-- it, not that it still holds it: that is seen from the job. It is deleted under the lock of the limiter.
CREATE TABLE limiter_holds (
    key text
        COLLATE "C" -- PostgreSQL only
        NOT NULL,
    job_id text
        COLLATE "C" -- PostgreSQL only
        NOT NULL,
    PRIMARY KEY (key, job_id)
);

-- `limiter` is the one in which a job was held last; it keeps it when it is let go, and until it has begun
-- so long counts as the next one there. `limiter_opens_at` is the earliest time at which it may begin, as
-- far as was known when it was held for a throttle.
ALTER TABLE jobs ADD COLUMN limiter text
    COLLATE "C" -- PostgreSQL only
;
ALTER TABLE jobs ADD COLUMN limiter_opens_at bigint;

CREATE INDEX jobs_parked ON jobs (limiter, turn_at, id, uid, held)
    WHERE status = 'queued' AND (held = 'limit' OR held = 'throttle');
CREATE INDEX jobs_let_go ON jobs (limiter) WHERE limiter IS NOT NULL AND status = 'queued' AND held IS NULL;
