-- Put a call back that was taken and not tried, unless it was taken again or settled meanwhile.
-- $1 call_id
-- $2 tries (the number of the try that was not made)
-- $3 due_at (ms since 1970)
UPDATE hook_calls
   SET tries = tries - 1,
       due_at = CAST($3 AS bigint)
 WHERE id = $1
   AND tries = $2
   AND status = 'due'
RETURNING id
