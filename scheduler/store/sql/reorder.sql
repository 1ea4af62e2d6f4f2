-- Change when, and in which order, a user's queued job runs; nothing where it is so already.
-- $1 job_id
-- $2 uid
-- $3 priority (NULL: it stays)
-- $4 retimed (NULL: run_at stays)
-- $5 run_at (ms since 1970; NULL: at once)
WITH clock AS (SELECT now_ms() AS now)
UPDATE jobs
   SET priority = coalesce(CAST($3 AS integer), priority),
       run_at = CASE WHEN CAST($4 AS integer) IS NULL THEN run_at ELSE CAST($5 AS bigint) END,
       -- Only what waits for a time that its user chose, for the pause before its next attempt, or for
       -- none, waits for another one. What is paused, or waits for its limiter, could run but for that; a
       -- time to come is told first.
       held = CASE WHEN CAST($4 AS integer) IS NULL OR held NOT IN ('run_at', 'retry', 'no_node', 'paused', 'limit', 'throttle')
                   THEN held
                   WHEN CAST($5 AS bigint) > now THEN 'run_at'
                   WHEN held IN ('paused', 'limit', 'throttle') THEN held END,
       due_at = CASE WHEN CAST($4 AS integer) IS NULL OR nullif(nullif(nullif(held, 'paused'), 'limit'), 'throttle') NOT IN ('run_at', 'retry', 'no_node')
                     THEN due_at
                     WHEN CAST($5 AS bigint) > now THEN CAST($5 AS bigint) END,
       eligible_at = CASE WHEN CAST($4 AS integer) IS NULL
                               OR nullif(nullif(nullif(held, 'paused'), 'limit'), 'throttle') NOT IN ('run_at', 'retry', 'no_node')
                          THEN eligible_at
                          WHEN CAST($5 AS bigint) > now THEN NULL
                          WHEN nullif(nullif(nullif(held, 'paused'), 'limit'), 'throttle') IS NULL THEN eligible_at
                          ELSE now END,
       expires_at = CASE WHEN CAST($4 AS integer) IS NULL
                              OR nullif(nullif(nullif(held, 'paused'), 'limit'), 'throttle') NOT IN ('run_at', 'retry', 'no_node')
                         THEN expires_at
                         WHEN CAST($5 AS bigint) > now THEN NULL
                         WHEN nullif(nullif(nullif(held, 'paused'), 'limit'), 'throttle') IS NULL THEN expires_at
                         ELSE now + CAST(1000 * start_within_s AS bigint) END,
       turn_at = CASE WHEN CAST($4 AS integer) IS NOT NULL AND held IN ('run_at', 'retry') THEN now
                      ELSE coalesce(eligible_at, created_at) END
                 - 1000 * coalesce(CAST($3 AS integer), priority),
       revision = revision + 1
  FROM clock
 WHERE id = $1
   AND uid = $2
   AND status = 'queued'
   AND (priority <> CAST($3 AS integer)
        OR (CAST($4 AS integer) IS NOT NULL
            AND (held = 'retry' OR coalesce(run_at, 0) <> coalesce(CAST($5 AS bigint), 0))))
RETURNING *
