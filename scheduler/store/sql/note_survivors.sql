-- Record which processes outlived SIGKILL so far, while an abort is under way and the token holds.
-- $1 job_id
-- $2 token
-- $3 signal
-- $4 processes
-- $5 survivors
UPDATE jobs
   SET abort_signal = $3,
       abort_processes = $4,
       abort_survivors = $5
 WHERE id = $1
   AND token = $2
   AND status = 'running'
   AND abort_requested_at IS NOT NULL
RETURNING id
