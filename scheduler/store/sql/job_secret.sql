-- The secret of the tokens that jobs get.
SELECT value FROM secrets WHERE name = 'jobs'
