-- Make a node known, with a beat that nobody has seen of it.
INSERT INTO nodes (id, name, version, workers, tasks, running, started_at, beat)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO NOTHING
RETURNING id
