-- Store jobs as queued, unless any of their ids or idempotency keys is stored already.
-- $1 jobs (JSON object of rows, see arguments.new_job)
WITH batch AS (
    SELECT value ->> 'id' AS id,
           value ->> 'uid' AS uid,
           value ->> 'task' AS task,
           value ->> 'hook' AS hook,
           value ->> 'traceparent' AS traceparent,
           value ->> 'data' AS data,
           CAST(value ->> 'bytes' AS bigint) AS bytes,
           CAST(value ->> 'undoable' AS boolean) AS undoable,
           CAST(value ->> 'created_at' AS bigint) AS created_at,
           value ->> 'idempotency_key' AS idempotency_key,
           value ->> 'fingerprint' AS fingerprint
      FROM json_each($1)
)
INSERT INTO jobs (id, uid, task, hook, traceparent, data, bytes, undoable, created_at,
                  idempotency_key, fingerprint, status)
SELECT id, uid, task, hook, traceparent, data, bytes, undoable, created_at, idempotency_key, fingerprint, 'queued'
  FROM batch
 WHERE NOT EXISTS (SELECT 1 FROM batch AS again JOIN jobs ON jobs.id = again.id)
   AND NOT EXISTS (SELECT 1
                     FROM batch AS again
                     JOIN jobs ON jobs.uid = again.uid
                              AND jobs.idempotency_key = again.idempotency_key)
RETURNING id
