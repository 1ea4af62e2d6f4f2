-- Record how a try of a call went, unless the call was taken again or settled meanwhile.
-- $1 call_id
-- $2 tries (the number of this try)
-- $3 status
-- $4 due_at (ms since 1970; NULL: no further try)
-- $5 answer
UPDATE hook_calls
   SET status = $3,
       due_at = CAST($4 AS bigint),
       answer = $5
 WHERE id = $1
   AND tries = $2
   AND status = 'due'
RETURNING id
