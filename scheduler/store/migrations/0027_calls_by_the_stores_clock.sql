-- A call is due at once by the clock that all nodes share, whatever the node's says that ended the job.

CREATE OR REPLACE FUNCTION call_the_hook() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN -- PostgreSQL only
    EXECUTE format( -- PostgreSQL only
        'INSERT INTO %I.hook_calls (id, job_id, event, created_at, due_at)' -- PostgreSQL only
        ' VALUES ($1, $1, ''job.ended'', $3, least($2, $3))', TG_TABLE_SCHEMA) -- PostgreSQL only
        USING NEW.id, NEW.finished_at, now_ms(); -- PostgreSQL only
    RETURN NULL; -- PostgreSQL only
END $$; -- PostgreSQL only

CREATE OR REPLACE FUNCTION call_the_hook_again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN -- PostgreSQL only
    EXECUTE format( -- PostgreSQL only
        'INSERT INTO %I.hook_calls (id, job_id, event, created_at, due_at, payload)' -- PostgreSQL only
        ' SELECT $1 || ''-attempt-'' || $2, $1, ''job.retried'', $5, least(at, $5), payload' -- PostgreSQL only
        ' FROM (SELECT CAST($3 ->> ''finished_at'' AS bigint) AS at,' -- PostgreSQL only
        ' CAST($3 || jsonb_build_object(''due_at'', $4) AS text) AS payload) AS last', -- PostgreSQL only
        TG_TABLE_SCHEMA) -- PostgreSQL only
        USING NEW.id, NEW.attempt, CAST(NEW.attempts AS jsonb) -> -1, NEW.due_at, now_ms(); -- PostgreSQL only
    RETURN NULL; -- PostgreSQL only
END $$; -- PostgreSQL only

DROP TRIGGER an_end_calls_the_hook; -- SQLite only
CREATE TRIGGER an_end_calls_the_hook AFTER UPDATE OF status ON jobs FOR EACH ROW -- SQLite only
WHEN (NEW.hook IS NOT NULL AND NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL) -- SQLite only
BEGIN -- SQLite only
    INSERT INTO hook_calls (id, job_id, event, created_at, due_at) -- SQLite only
    SELECT NEW.id, NEW.id, 'job.ended', now, min(NEW.finished_at, now) -- SQLite only
      FROM (SELECT now_ms() AS now); -- SQLite only
END; -- SQLite only

DROP TRIGGER a_retry_calls_the_hook; -- SQLite only
CREATE TRIGGER a_retry_calls_the_hook AFTER UPDATE OF status ON jobs FOR EACH ROW -- SQLite only
WHEN (NEW.hook_retries AND NEW.hook IS NOT NULL AND NEW.status = 'queued' AND NEW.held = 'retry' -- SQLite only
      AND OLD.status = 'running') -- SQLite only
BEGIN -- SQLite only
    INSERT INTO hook_calls (id, job_id, event, created_at, due_at, payload) -- SQLite only
    SELECT NEW.id || '-attempt-' || NEW.attempt, NEW.id, 'job.retried', -- SQLite only
           now, min(at, now), payload -- SQLite only
      FROM (SELECT json_extract(NEW.attempts, '$[#-1].finished_at') AS at, -- SQLite only
                   json_set(json_extract(NEW.attempts, '$[#-1]'), -- SQLite only
                            '$.due_at', NEW.due_at) AS payload, -- SQLite only
                   now_ms() AS now); -- SQLite only
END; -- SQLite only

-- Those that a node whose clock was ahead has left for later.
UPDATE hook_calls SET due_at = now_ms() WHERE tries = 0 AND due_at > now_ms();
