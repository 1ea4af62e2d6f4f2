-- The abort of a job, where one is requested.
-- $1 job_id
SELECT status, finished_at, abort_requested_at, abort_by, abort_reason, abort_grace_s, abort_signal,
       abort_processes, abort_survivors, cleanup, cleanup_tries, cleanup_tries_max, cleanup_due_at,
       cleanup_error
  FROM jobs
 WHERE id = $1
