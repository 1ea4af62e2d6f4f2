-- Delete a user's schedule; its jobs stay.
-- $1 uid
-- $2 name
DELETE FROM schedules
 WHERE uid = $1
   AND name = $2
RETURNING *
