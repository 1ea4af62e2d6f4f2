-- Register a node, unless its id is registered already.
-- $1 node_id
-- $2 name
-- $3 version
-- $4 workers
-- $5 tasks (JSON array)
-- $6 running
-- $7 started_at (ms since 1970)
-- $8 beat (the first one, different from any that others saw of this node)
-- $9 place (JSON object of one row, see arguments.place)
INSERT INTO nodes (id, name, version, workers, tasks, running, started_at, beat,
                   labels, only_for, tzdata)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8,
        (SELECT value ->> 'labels' FROM json_each($9)),
        (SELECT value ->> 'only_for' FROM json_each($9)),
        (SELECT value ->> 'tzdata' FROM json_each($9)))
ON CONFLICT (id) DO NOTHING
RETURNING id
