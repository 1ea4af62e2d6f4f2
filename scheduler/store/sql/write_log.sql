-- Store log pages of attempts whose tokens hold, each in place of the older page in its slot.
-- $1 written (JSON object of rows, see arguments.page)
WITH batch AS (
    SELECT value ->> 'id' AS id,
           CAST(value ->> 'token' AS bigint) AS token,
           CAST(value ->> 'slot' AS integer) AS slot,
           CAST(value ->> 'page' AS bigint) AS page,
           CAST(value ->> 'place' AS bigint) AS place,
           CAST(value ->> 'bytes' AS integer) AS bytes,
           value ->> 'blocks' AS blocks
      FROM json_each($1)
), held AS (
    -- The lock makes a claim wait, so that the new attempt's log continues after these pages.
    SELECT batch.*
      FROM batch
      JOIN jobs ON jobs.id = batch.id
     WHERE jobs.token = batch.token
     ORDER BY jobs.id FOR SHARE OF jobs -- PostgreSQL only
)
INSERT INTO logs (job_id, slot, page, place, bytes, blocks)
SELECT id, slot, page, place, bytes, blocks FROM held WHERE true
    ON CONFLICT (job_id, slot) DO UPDATE
   SET page = excluded.page,
       place = excluded.place,
       bytes = excluded.bytes,
       blocks = excluded.blocks
 WHERE excluded.page > logs.page
    OR (excluded.page = logs.page AND excluded.bytes > logs.bytes)
RETURNING job_id
