-- Store records of the aborts of the jobs that new ones replace, before that is done.
-- $1 records (JSON object of rows, see arguments.replacement)
WITH batch AS (
    SELECT value AS record,
           value ->> 'uid' AS uid,
           value ->> 'task' AS task,
           value ->> 'unique_key' AS unique_key
      FROM json_each($1)
), old AS MATERIALIZED (
    -- As in replace_unique.sql, which finds no others: so they are locked in one order.
    SELECT jobs.id, jobs.status, jobs.abort_requested_at, batch.record
      FROM batch
      JOIN jobs ON jobs.uid = batch.uid
               AND jobs.task = batch.task
               AND jobs.unique_key = batch.unique_key
     WHERE jobs.unique_key IS NOT NULL
       AND jobs.replaced_by IS NULL
       AND (jobs.status IN ('queued', 'running') OR jobs.cleanup = 'pending'
            OR jobs.cleanup_due_at IS NOT NULL)
     ORDER BY jobs.id FOR UPDATE OF jobs -- PostgreSQL only
)
INSERT INTO audit (id, at, action, actor, actor_kind, token_id, role, client, uid, target, count, detail)
SELECT record ->> 'id',
       CAST(record ->> 'at' AS bigint),
       record ->> 'action',
       record ->> 'actor',
       record ->> 'actor_kind',
       record ->> 'token_id',
       record ->> 'role',
       record ->> 'client',
       record ->> 'uid',
       old.id,
       CAST(record ->> 'count' AS bigint),
       record ->> 'detail'
  FROM old
 WHERE old.status IN ('queued', 'running')
   AND old.abort_requested_at IS NULL
RETURNING id
