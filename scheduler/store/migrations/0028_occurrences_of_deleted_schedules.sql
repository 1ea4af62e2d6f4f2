-- What became of a schedule's occurrences is forgotten with the schedule, in the same transaction.

CREATE FUNCTION forget_the_occurrences() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN -- PostgreSQL only
    EXECUTE format('DELETE FROM %I.occurrences WHERE schedule_id = $1', TG_TABLE_SCHEMA) -- PostgreSQL only
        USING OLD.id; -- PostgreSQL only
    RETURN NULL; -- PostgreSQL only
END $$; -- PostgreSQL only

CREATE TRIGGER a_deleted_schedule_has_no_occurrences AFTER DELETE ON schedules FOR EACH ROW
EXECUTE FUNCTION forget_the_occurrences(); -- PostgreSQL only
BEGIN -- SQLite only
    DELETE FROM occurrences WHERE schedule_id = OLD.id; -- SQLite only
END; -- SQLite only

-- Those that a node has left which died between the two.
DELETE FROM occurrences WHERE schedule_id NOT IN (SELECT id FROM schedules);
