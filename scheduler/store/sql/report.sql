-- Store the progress of those attempts whose tokens hold.
-- $1 progress (JSON object of rows: id, token, progress)
WITH batch AS (
    SELECT value ->> 'id' AS id,
           CAST(value ->> 'token' AS bigint) AS token,
           value ->> 'progress' AS progress
      FROM json_each($1)
), held AS (
    SELECT batch.*
      FROM batch
      JOIN jobs ON jobs.id = batch.id
     WHERE jobs.status = 'running'
       AND jobs.token = batch.token
     ORDER BY jobs.id FOR UPDATE OF jobs -- PostgreSQL only
)
UPDATE jobs
   SET progress = held.progress
  FROM held
 WHERE jobs.id = held.id
RETURNING jobs.id
