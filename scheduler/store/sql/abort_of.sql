-- The abort of a job, where one is requested.
-- $1 job_id
SELECT status, finished_at, abort_requested_at, abort_reason, abort_grace_s, abort_signal,
       abort_processes, abort_survivors, cleanup
  FROM jobs
 WHERE id = $1
