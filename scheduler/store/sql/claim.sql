-- Claim those of some jobs that wait for a worker, for a node that is registered.
-- $1 job_ids (JSON object by id: how many jobs of its user are to be claimed before it)
-- $2 node_id
-- $3 at (ms since 1970)
-- $4 limits (JSON object by pattern, see arguments.limits)
-- $5 but_tasks (the keys of a JSON object: what limits their jobs is not looked at here)
WITH claimer AS (
    -- The lock makes `bury` wait: either it sees our claim, or we see that the node is gone.
    SELECT id, name, labels, only_for FROM nodes WHERE id = $2
       FOR KEY SHARE -- PostgreSQL only
), active AS (
    -- The lock makes `put_pause` wait until this has ended; one that was answered is seen here.
    SELECT kind, name
      FROM pauses
     WHERE resumed_at IS NULL AND (until IS NULL OR until > now_ms())
       FOR KEY SHARE -- PostgreSQL only
), loads AS MATERIALIZED (
    -- Read only where a job has a limit and none is claimed before it: then the keys are users.
    SELECT key AS uid,
           (SELECT count(*) FROM jobs WHERE jobs.uid = key AND jobs.status = 'running') AS running
      FROM json_each($4)
), free AS (
    -- Locked in the order of ids, so that two claims of the same jobs cannot deadlock.
    SELECT jobs.id, claimer.id AS owner, claimer.name AS node
      FROM jobs
      JOIN (SELECT key AS id, CAST(value AS bigint) AS before FROM json_each($1)) AS wanted
           ON wanted.id = jobs.id
      CROSS JOIN claimer
     WHERE (jobs.waiting OR jobs.lane IS NOT NULL)
       -- Nor one that needs what the node has not; one that takes only such jobs takes no others.
       AND CASE WHEN jobs.needs IS NULL THEN claimer.only_for = '' ELSE
           string_to_array(claimer.labels, ',') @> string_to_array(jobs.needs, ',') -- PostgreSQL only
           AND (claimer.only_for = '' -- PostgreSQL only
                OR string_to_array(claimer.only_for, ',') && string_to_array(jobs.needs, ',')) -- PostgreSQL only
           NOT EXISTS (SELECT 1 -- SQLite only
                         FROM json_each('["' || replace(jobs.needs, ',', '","') || '"]') AS need -- SQLite only
                        WHERE instr(',' || claimer.labels || ',', ',' || need.value || ',') = 0) -- SQLite only
           AND (claimer.only_for = '' -- SQLite only
                OR EXISTS (SELECT 1 -- SQLite only
                             FROM json_each('["' || replace(jobs.needs, ',', '","') || '"]') AS need -- SQLite only
                            WHERE instr(',' || claimer.only_for || ',', ',' || need.value || ',') > 0)) -- SQLite only
           END
       -- One that has not begun in time is left to expire.sql.
       AND (jobs.expires_at IS NULL OR jobs.attempt > 0 OR jobs.status <> 'queued'
            OR jobs.expires_at > now_ms())
       -- Nor one that may have to wait for others of its handler; but clean-ups.
       AND (jobs.status <> 'queued' OR jobs.task NOT IN (SELECT key FROM json_each($5)))
       -- Nor one whose user may run no more, by the pattern that `Quotas.of` finds; but clean-ups.
       AND NOT EXISTS (
           SELECT 1
             FROM (SELECT running_max
                     FROM (SELECT CAST(value ->> 'running_max' AS bigint) AS running_max,
                                  -- No pattern is as long as this.
                                  CASE key WHEN jobs.uid THEN 1000 ELSE length(key) END AS fit
                             FROM json_each($4)
                            WHERE jobs.status = 'queued'
                              AND (key = jobs.uid
                                   OR (substr(key, length(key)) = '*'
                                       AND substr(jobs.uid, 1, length(key) - 1)
                                           = substr(key, 1, length(key) - 1)))) AS fitting
                    ORDER BY fit DESC
                    LIMIT 1) AS best
            WHERE running_max <= before
               OR running_max <= before + (SELECT running FROM loads WHERE loads.uid = jobs.uid))
       -- Clean-ups are not paused. Mostly nothing is: then nothing is looked for.
       AND (jobs.status <> 'queued'
            OR NOT EXISTS (SELECT 1 FROM active)
            OR NOT EXISTS (SELECT 1
                             FROM active
                            WHERE (active.kind = 'task' AND active.name = jobs.task)
                               OR (active.kind = 'uid' AND active.name = jobs.uid)
                               OR (active.kind = 'node' AND active.name = claimer.name)))
     ORDER BY jobs.id FOR UPDATE OF jobs -- PostgreSQL only
)
UPDATE jobs
   SET token = jobs.token + 1,
       revision = 0,
       owner = free.owner,
       status = CASE jobs.status WHEN 'queued' THEN 'running' ELSE jobs.status END,
       attempt = CASE jobs.status WHEN 'queued' THEN jobs.attempt + 1 ELSE jobs.attempt END,
       node = CASE jobs.status WHEN 'queued' THEN free.node ELSE jobs.node END,
       started_at = CASE jobs.status WHEN 'queued' THEN $3 ELSE jobs.started_at END,
       progress = CASE jobs.status WHEN 'queued' THEN NULL ELSE jobs.progress END
  FROM free
 WHERE jobs.id = free.id
RETURNING jobs.id, jobs.uid, jobs.task, jobs.data, jobs.hook, jobs.parent,
          jobs.traceparent, jobs.attempt, jobs.token, jobs.status, jobs.cleanup_tries,
          jobs.eligible_at, jobs.max_attempts, jobs.attempts_used, jobs.needs,
          -- The clock is asked only where it is needed.
          CASE WHEN jobs.unknown_since IS NOT NULL THEN now_ms() - jobs.unknown_since END
              AS unknown_ms,
          jobs.predecessors, jobs.after_if, jobs.schedule, jobs.scheduled_for
