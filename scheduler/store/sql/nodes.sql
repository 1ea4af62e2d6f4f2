-- The registered nodes, by name.
SELECT * FROM nodes ORDER BY name, id
