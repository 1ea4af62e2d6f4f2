-- Jobs that are tried again, what became of their attempts, and hooks that are told of them.

-- `attempts_used` counts those that failed and were followed by another one; not those that were lost
-- or cut short. `attempts` is a JSON array of the last 20 after which the job was queued again; the
-- `error` in each is JSON as text, as in the column `error`.
ALTER TABLE jobs ADD COLUMN max_attempts integer CHECK (max_attempts > 0);
ALTER TABLE jobs ADD COLUMN attempts_used integer NOT NULL DEFAULT 0
    CONSTRAINT only_what_began_is_used_up
        CHECK (attempts_used >= 0 AND attempts_used <= attempt);
ALTER TABLE jobs ADD COLUMN attempts text;
ALTER TABLE jobs ADD COLUMN hook_retries boolean NOT NULL DEFAULT false;

ALTER TABLE hook_calls DROP CONSTRAINT hook_calls_event_check; -- PostgreSQL only
ALTER TABLE hook_calls ADD CONSTRAINT hook_calls_event_check -- PostgreSQL only
    CHECK (event IN ('job.ended', 'job.notified', 'job.retried')); -- PostgreSQL only
ALTER TABLE hook_calls DROP CONSTRAINT only_a_notification_brings_its_own_words; -- PostgreSQL only
ALTER TABLE hook_calls ADD CONSTRAINT only_an_end_is_told_by_the_job_itself -- PostgreSQL only
    CHECK ((event = 'job.ended') = (payload IS NULL)); -- PostgreSQL only

-- SQLite cannot change a constraint: the table is made anew.
DROP TRIGGER an_end_calls_the_hook; -- SQLite only
CREATE TABLE new_hook_calls ( -- SQLite only
    id text PRIMARY KEY, -- SQLite only
    job_id text NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, -- SQLite only
    event text NOT NULL CHECK (event IN ('job.ended', 'job.notified', 'job.retried')), -- SQLite only
    status text NOT NULL DEFAULT 'due' CHECK (status IN ('due', 'delivered', 'given_up')), -- SQLite only
    tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0), -- SQLite only
    created_at bigint NOT NULL, -- SQLite only
    due_at bigint, -- SQLite only
    answer text, -- SQLite only
    payload text, -- SQLite only
    CONSTRAINT what_is_due_and_only_that_has_a_time -- SQLite only
        CHECK ((status = 'due') = (due_at IS NOT NULL)), -- SQLite only
    CONSTRAINT only_an_end_is_told_by_the_job_itself -- SQLite only
        CHECK ((event = 'job.ended') = (payload IS NULL)) -- SQLite only
); -- SQLite only
INSERT INTO new_hook_calls -- SQLite only
SELECT id, job_id, event, status, tries, created_at, due_at, answer, payload -- SQLite only
  FROM hook_calls; -- SQLite only
DROP TABLE hook_calls; -- SQLite only
ALTER TABLE new_hook_calls RENAME TO hook_calls; -- SQLite only
CREATE INDEX hook_calls_due ON hook_calls (due_at) WHERE due_at IS NOT NULL; -- SQLite only
CREATE INDEX hook_calls_of_job ON hook_calls (job_id, created_at); -- SQLite only
CREATE TRIGGER an_end_calls_the_hook AFTER UPDATE OF status ON jobs FOR EACH ROW -- SQLite only
WHEN (NEW.hook IS NOT NULL AND NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL) -- SQLite only
BEGIN -- SQLite only
    INSERT INTO hook_calls (id, job_id, event, created_at, due_at) -- SQLite only
    VALUES (NEW.id, NEW.id, 'job.ended', NEW.finished_at, NEW.finished_at); -- SQLite only
END; -- SQLite only

-- The call about an attempt brings along what is remembered of it, and until when the job is held:
-- by the time of a try the job may have gone on.
CREATE FUNCTION call_the_hook_again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN -- PostgreSQL only
    EXECUTE format( -- PostgreSQL only
        'INSERT INTO %I.hook_calls (id, job_id, event, created_at, due_at, payload)' -- PostgreSQL only
        ' SELECT $1 || ''-attempt-'' || $2, $1, ''job.retried'', at, at, payload' -- PostgreSQL only
        ' FROM (SELECT CAST($3 ->> ''finished_at'' AS bigint) AS at,' -- PostgreSQL only
        ' CAST($3 || jsonb_build_object(''due_at'', $4) AS text) AS payload) AS last', -- PostgreSQL only
        TG_TABLE_SCHEMA) -- PostgreSQL only
        USING NEW.id, NEW.attempt, CAST(NEW.attempts AS jsonb) -> -1, NEW.due_at; -- PostgreSQL only
    RETURN NULL; -- PostgreSQL only
END $$; -- PostgreSQL only

CREATE TRIGGER a_retry_calls_the_hook AFTER UPDATE OF status ON jobs FOR EACH ROW
WHEN (NEW.hook_retries AND NEW.hook IS NOT NULL AND NEW.status = 'queued' AND NEW.held = 'retry'
      AND OLD.status = 'running')
EXECUTE FUNCTION call_the_hook_again(); -- PostgreSQL only
BEGIN -- SQLite only
    INSERT INTO hook_calls (id, job_id, event, created_at, due_at, payload) -- SQLite only
    SELECT NEW.id || '-attempt-' || NEW.attempt, NEW.id, 'job.retried', at, at, payload -- SQLite only
      FROM (SELECT json_extract(NEW.attempts, '$[#-1].finished_at') AS at, -- SQLite only
                   json_set(json_extract(NEW.attempts, '$[#-1]'), -- SQLite only
                            '$.due_at', NEW.due_at) AS payload); -- SQLite only
END; -- SQLite only
