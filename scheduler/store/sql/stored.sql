-- The jobs that are stored under the ids or the idempotency keys of a batch of new ones.
-- $1 jobs (JSON object of rows, see arguments.new_job)
WITH batch AS (
    SELECT value ->> 'id' AS id,
           value ->> 'uid' AS uid,
           value ->> 'idempotency_key' AS idempotency_key
      FROM json_each($1)
)
SELECT jobs.* FROM batch JOIN jobs ON jobs.id = batch.id AND jobs.uid = batch.uid
 UNION ALL
SELECT jobs.*
  FROM batch
  JOIN jobs ON jobs.uid = batch.uid AND jobs.idempotency_key = batch.idempotency_key
