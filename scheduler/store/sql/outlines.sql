-- The jobs with some ids, without their data and results.
-- $1 job_ids (the keys of a JSON object)
SELECT id, uid, task, hook, parent, status, attempt, token, owner, node, submitted_by, created_at,
       started_at, finished_at, abort_requested_at, abort_by, abort_reason, abort_grace_s, abort_signal, abort_processes,
       abort_survivors, cleanup, cleanup_tries, cleanup_tries_max, cleanup_due_at, cleanup_error,
       progress, error,
       priority, run_at, held, due_at, limiter_opens_at, eligible_at, start_within_s, revision, rerun_of,
       max_attempts, hook_retries, needs, attempts, predecessors, after_if, awaited, group_name,
       schedule, scheduled_for, unique_key, on_conflict, replaces, replaced_by,
       'null' AS data,
       NULL AS result
  FROM jobs
 WHERE id IN (SELECT key FROM json_each($1))
