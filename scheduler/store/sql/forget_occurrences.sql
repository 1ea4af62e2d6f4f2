-- Forget all occurrences of a schedule but the last ones.
-- $1 schedule_id
-- $2 kept
DELETE FROM occurrences
 WHERE schedule_id = $1
   AND scheduled_for NOT IN (SELECT scheduled_for
                               FROM occurrences
                              WHERE schedule_id = $1
                              ORDER BY scheduled_for DESC
                              LIMIT $2)
RETURNING scheduled_for
