-- Those of some ids whose jobs are final, or are not there.
-- $1 job_ids (the keys of a JSON object)
SELECT asked.key AS id
  FROM json_each($1) AS asked
  LEFT JOIN jobs ON jobs.id = asked.key
 WHERE jobs.id IS NULL
    OR jobs.finished_at IS NOT NULL
