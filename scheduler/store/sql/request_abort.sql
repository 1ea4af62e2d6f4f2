-- Abort a queued job, mark a running one; nothing where that was done before or the job is final.
UPDATE jobs
   SET abort_requested_at = $3,
       abort_reason = $4,
       abort_grace_s = $5,
       status = CASE status WHEN 'queued' THEN 'aborted' ELSE status END,
       losses = CASE status WHEN 'queued' THEN 0 ELSE losses END,
       finished_at = CASE status WHEN 'queued' THEN CAST($3 AS bigint) END,
       abort_processes = CASE status WHEN 'queued' THEN 0 END,
       abort_survivors = CASE status WHEN 'queued' THEN 0 END,
       cleanup = CASE WHEN status = 'queued' AND undoable AND attempt > 0 THEN 'pending' END
 WHERE id = $1
   AND uid = $2
   AND status IN ('queued', 'running')
   AND abort_requested_at IS NULL
RETURNING *
