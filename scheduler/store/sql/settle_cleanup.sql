-- End a clean-up whose token holds, or give it back.
-- $1 job_id
-- $2 token
-- $3 cleanup (pending: give it back)
UPDATE jobs
   SET cleanup = $3,
       owner = NULL
 WHERE id = $1
   AND token = $2
   AND cleanup = 'pending'
   AND owner IS NOT NULL
RETURNING id
