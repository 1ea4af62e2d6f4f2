-- The ends of jobs that others wait for: an outbox, filled in the same transaction as the end.

-- An entry says that edges from a job may have to be closed. It is added where a job is over that
-- others wait for, and where others begin to wait for one that is over; so no edge is ever open
-- without an end to come or an entry. Of one job there may be several, and each is deleted alone.
CREATE TABLE awaited_ends (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- PostgreSQL only
    id integer PRIMARY KEY, -- SQLite only
    parent text
        COLLATE "C" -- PostgreSQL only
        NOT NULL
);

INSERT INTO awaited_ends (parent)
SELECT id
  FROM jobs
 WHERE awaited = 'open'
   AND finished_at IS NOT NULL
   AND (cleanup IS NULL OR cleanup <> 'pending')
   AND cleanup_due_at IS NULL;

-- To mark a job was to write it into all of its indexes once more when nothing waits any longer.
DROP INDEX jobs_awaited_over;

CREATE FUNCTION note_the_awaited_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN -- PostgreSQL only
    EXECUTE format('INSERT INTO %I.awaited_ends (parent) VALUES ($1)', TG_TABLE_SCHEMA) -- PostgreSQL only
        USING NEW.id; -- PostgreSQL only
    RETURN NULL; -- PostgreSQL only
END $$; -- PostgreSQL only

-- A trigger, so that no statement that ends a job, today's or tomorrow's, can leave the entry out.
CREATE TRIGGER an_awaited_end_is_noted
AFTER UPDATE OF status, cleanup, cleanup_due_at, awaited ON jobs FOR EACH ROW
WHEN (NEW.awaited = 'open' AND NEW.finished_at IS NOT NULL
      AND (NEW.cleanup IS NULL OR NEW.cleanup <> 'pending') AND NEW.cleanup_due_at IS NULL)
EXECUTE FUNCTION note_the_awaited_end(); -- PostgreSQL only
BEGIN -- SQLite only
    INSERT INTO awaited_ends (parent) VALUES (NEW.id); -- SQLite only
END; -- SQLite only
