-- The job of an id.
SELECT * FROM jobs WHERE id = $1
