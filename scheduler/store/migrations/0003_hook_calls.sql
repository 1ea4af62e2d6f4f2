-- The calls of hooks: an outbox, filled in the same transaction as the event that a call reports.

CREATE TABLE hook_calls (
    id text PRIMARY KEY,
    job_id text
        COLLATE "C" -- PostgreSQL only
        NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    event text NOT NULL CHECK (event IN ('job.ended', 'job.notified')),
    status text NOT NULL DEFAULT 'due' CHECK (status IN ('due', 'delivered', 'given_up')),
    tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    created_at bigint NOT NULL,
    due_at bigint,
    answer text,
    payload text,

    CONSTRAINT what_is_due_and_only_that_has_a_time
        CHECK ((status = 'due') = (due_at IS NOT NULL)),
    CONSTRAINT only_a_notification_brings_its_own_words
        CHECK ((event = 'job.notified') = (payload IS NOT NULL))
);

CREATE INDEX hook_calls_due ON hook_calls (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX hook_calls_of_job ON hook_calls (job_id, created_at);

-- A trigger, so that no statement that ends a job, today's or tomorrow's, can leave the call out.
CREATE FUNCTION call_the_hook() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN -- PostgreSQL only
    INSERT INTO hook_calls (id, job_id, event, created_at, due_at) -- PostgreSQL only
    VALUES (NEW.id, NEW.id, 'job.ended', NEW.finished_at, NEW.finished_at); -- PostgreSQL only
    RETURN NULL; -- PostgreSQL only
END $$; -- PostgreSQL only

CREATE TRIGGER an_end_calls_the_hook AFTER UPDATE OF status ON jobs FOR EACH ROW
WHEN (NEW.hook IS NOT NULL AND NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL)
EXECUTE FUNCTION call_the_hook(); -- PostgreSQL only
BEGIN -- SQLite only
    INSERT INTO hook_calls (id, job_id, event, created_at, due_at) -- SQLite only
    VALUES (NEW.id, NEW.id, 'job.ended', NEW.finished_at, NEW.finished_at); -- SQLite only
END; -- SQLite only
