-- Pause a schedule, if it is still of the revision that was read.
-- $1 uid
-- $2 name
-- $3 revision
-- $4 note
UPDATE schedules
   SET paused = true,
       note = $4,
       next_at = NULL,
       changed_at = now_ms(),
       revision = revision + 1
 WHERE uid = $1
   AND name = $2
   AND revision = $3
RETURNING id
