-- End a try of a clean-up whose token holds, or give the clean-up back.
-- $1 job_id
-- $2 token
-- $3 cleanup (pending: give it back; with due_at: failed)
-- $4 due_at (ms since 1970; NULL: no further try, or at once)
-- $5 tries (NULL: they stay as they are)
-- $6 tries_max
-- $7 error (JSON)
-- $8 unknown (1: no node knew its handler)
UPDATE jobs
   SET cleanup = $3,
       owner = NULL,
       unknown_since = CASE WHEN CAST($8 AS integer) = 1 THEN coalesce(unknown_since, now_ms()) END,
       cleanup_due_at = CAST($4 AS bigint),
       cleanup_tries = coalesce(CAST($5 AS integer), cleanup_tries),
       cleanup_tries_max = coalesce(CAST($6 AS integer), cleanup_tries_max),
       cleanup_error = CASE WHEN CAST($5 AS integer) IS NULL THEN cleanup_error
                            ELSE CAST($7 AS text) END
 WHERE id = $1
   AND token = $2
   AND cleanup = 'pending'
   AND owner IS NOT NULL
RETURNING id, awaited, replaced_by
