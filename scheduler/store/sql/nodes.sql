-- The nodes that are registered, by name.
SELECT * FROM nodes ORDER BY name, id
