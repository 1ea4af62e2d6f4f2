-- Forget those occurrences of a schedule whose jobs were not stored.
-- $1 schedule_id
-- $2 jobs (JSON object of rows: id, scheduled_for)
DELETE FROM occurrences
 WHERE schedule_id = $1
   AND scheduled_for IN (SELECT CAST(value ->> 'scheduled_for' AS bigint)
                           FROM json_each($2)
                          WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = value ->> 'id'))
RETURNING scheduled_for
