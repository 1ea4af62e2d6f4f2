-- The parents of a batch of new jobs that refuse further children.
-- $1 jobs (JSON object of rows, see arguments.new_job)
WITH batch AS (
    SELECT value ->> 'parent' AS parent, value ->> 'uid' AS uid FROM json_each($1)
)
SELECT id
  FROM jobs
 WHERE id IN (SELECT parent FROM batch)
   AND uid IN (SELECT uid FROM batch WHERE parent = jobs.id)
   AND children_refused
