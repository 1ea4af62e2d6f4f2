-- Let no other transaction let jobs of schedules go until this one ends.
SELECT 1 AS locked -- SQLite only
SELECT pg_advisory_xact_lock(hashtextextended('jobs of schedules', 2)) AS locked -- PostgreSQL only
