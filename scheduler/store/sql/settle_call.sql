-- Note how a try of a call went, unless it was taken for another try or settled meanwhile.
UPDATE hook_calls
   SET status = $3,
       due_at = CAST($4 AS bigint),
       answer = $5
 WHERE id = $1
   AND tries = $2
   AND status = 'due'
RETURNING id
