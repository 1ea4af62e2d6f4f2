-- Abort a queued job, or mark a running one; a marked one only gets a shorter grace period.
-- $1 job_id
-- $2 uid
-- $3 at (ms since 1970)
-- $4 reason (NULL: none)
-- $5 grace_s (NULL: the handler's or the node's)
-- $6 asked_by (NULL: everybody may)
UPDATE jobs
   SET abort_requested_at = coalesce(abort_requested_at, $3),
       abort_by = CASE WHEN abort_requested_at IS NULL THEN $6 ELSE abort_by END,
       abort_reason = CASE WHEN abort_requested_at IS NULL THEN $4 ELSE abort_reason END,
       abort_grace_s = $5,
       status = CASE status WHEN 'queued' THEN 'aborted' ELSE status END,
       losses = CASE status WHEN 'queued' THEN 0 ELSE losses END,
       finished_at = CASE status WHEN 'queued' THEN CAST($3 AS bigint) END,
       abort_processes = CASE status WHEN 'queued' THEN 0 ELSE abort_processes END,
       abort_survivors = CASE status WHEN 'queued' THEN 0 ELSE abort_survivors END,
       cleanup = CASE WHEN status = 'queued' AND undoable AND attempt > 0 THEN 'pending' END
 WHERE id = $1
   AND uid = $2
   AND status IN ('queued', 'running')
   AND (abort_requested_at IS NULL OR $5 < coalesce(abort_grace_s, 1e300)) -- not where $5 is NULL
RETURNING *
