-- The trigger finds its table wherever the tables are, whatever the session's search path is.

CREATE OR REPLACE FUNCTION call_the_hook() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN -- PostgreSQL only
    EXECUTE format( -- PostgreSQL only
        'INSERT INTO %I.hook_calls (id, job_id, event, created_at, due_at)' -- PostgreSQL only
        ' VALUES ($1, $1, ''job.ended'', $2, $2)', TG_TABLE_SCHEMA) -- PostgreSQL only
        USING NEW.id, NEW.finished_at; -- PostgreSQL only
    RETURN NULL; -- PostgreSQL only
END $$; -- PostgreSQL only
