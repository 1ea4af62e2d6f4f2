-- Make a node known.
INSERT INTO nodes (id, name, version, workers, tasks, running, started_at, beat)
VALUES ($1, $2, $3, $4, $5, $6, $7, 0)
ON CONFLICT (id) DO NOTHING
RETURNING id
