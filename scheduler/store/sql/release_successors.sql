-- Of the jobs to which closed edges lead, let go those that wait for none, and abort the doomed.
-- $1 edges (JSON object of rows: parent, child)
WITH clock AS (
    SELECT now_ms() AS now
), met AS MATERIALIZED (
    -- A job is doomed where one of these parents did not end as it has to.
    SELECT successor.id, successor.status, successor.held,
           min(CASE WHEN successor.after_if = 'success' AND parent.status <> 'successful'
                    THEN 'predecessor ' || parent.id || ' ' || parent.status END) AS why
      FROM json_each($1)
      JOIN jobs AS successor ON successor.id = value ->> 'child'
      JOIN jobs AS parent ON parent.id = value ->> 'parent'
     GROUP BY successor.id, successor.status, successor.held
), ready AS (
    -- They are locked, so nothing of them changes meanwhile.
    SELECT met.id, met.why
      FROM met
     WHERE met.status = 'queued'
       AND met.held = 'after'
       AND (met.why IS NOT NULL
            OR NOT EXISTS (SELECT 1 FROM edges WHERE edges.child = met.id AND edges.is_open))
)
UPDATE jobs
   SET status = CASE WHEN why IS NULL THEN 'queued' ELSE 'aborted' END,
       held = CASE WHEN why IS NULL AND run_at > now THEN 'run_at' END,
       due_at = CASE WHEN why IS NULL AND run_at > now THEN run_at END,
       -- It ages from now on: what was submitted long ago does not overtake all others.
       eligible_at = CASE WHEN why IS NOT NULL OR run_at > now THEN NULL ELSE now END,
       turn_at = now - 1000 * priority,
       expires_at = CASE WHEN why IS NOT NULL OR run_at > now THEN NULL
                         ELSE now + CAST(1000 * start_within_s AS bigint) END,
       revision = revision + 1,
       finished_at = CASE WHEN why IS NOT NULL THEN now END,
       abort_requested_at = CASE WHEN why IS NOT NULL THEN now END,
       abort_reason = why,
       abort_processes = CASE WHEN why IS NOT NULL THEN 0 END,
       abort_survivors = CASE WHEN why IS NOT NULL THEN 0 END
  FROM ready, clock
 WHERE jobs.id = ready.id
RETURNING jobs.id, jobs.uid, jobs.task, jobs.turn_at, jobs.needs, jobs.status, jobs.held,
          jobs.abort_reason
