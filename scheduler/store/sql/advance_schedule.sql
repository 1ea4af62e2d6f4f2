-- Move the cursor of a schedule, if it is still of the revision that was read.
-- $1 uid
-- $2 name
-- $3 revision
-- $4 cursor_at (ms since 1970)
-- $5 next_at (ms since 1970; NULL: never)
-- $6 remaining (NULL: any number)
UPDATE schedules
   SET cursor_at = $4,
       next_at = $5,
       remaining = $6,
       revision = revision + 1
 WHERE uid = $1
   AND name = $2
   AND revision = $3
RETURNING id
