-- Limiters that hold jobs, after one of them, and whether they have room by the rules of a node.
-- $1 after_key
-- $2 rules (JSON object by rule, see arguments.limiters)
-- $3 limit
WITH RECURSIVE holding (key, number) AS (
    SELECT min(limiter), 1
      FROM jobs
           INDEXED BY jobs_parked -- SQLite only
     WHERE status = 'queued'
       AND (held = 'limit' OR held = 'throttle')
       AND limiter > $1
    UNION ALL
    -- The next limiter is found by the index, however many jobs this one holds.
    SELECT (SELECT min(jobs.limiter)
              FROM jobs
             WHERE jobs.status = 'queued'
               AND (jobs.held = 'limit' OR jobs.held = 'throttle')
               AND jobs.limiter > holding.key),
           holding.number + 1
      FROM holding
     WHERE holding.key IS NOT NULL
       AND holding.number < $3
)
SELECT holding.key,
       CASE WHEN limiters.jobs_max IS NULL
            -- Where its rule has changed, it may open earlier.
            THEN limiters.opens_at IS NULL
                 OR EXISTS (SELECT 1
                              FROM json_each($2) AS rules
                             WHERE rules.key = limiters.rule
                               AND (CAST(value ->> 'interval_us' AS bigint) <> limiters.interval_us
                                    OR CAST(value ->> 'slack_us' AS bigint) <> limiters.slack_us))
            ELSE coalesce((SELECT CAST(value ->> 'jobs_max' AS bigint)
                             FROM json_each($2) AS rules
                            WHERE rules.key = limiters.rule), limiters.jobs_max)
                 > (SELECT count(*)
                      FROM limiter_holds
                      JOIN jobs ON jobs.id = limiter_holds.job_id
                     WHERE limiter_holds.key = limiters.key
                       AND (jobs.owner IS NOT NULL OR jobs.status = 'running'
                            OR jobs.cleanup = 'pending' OR jobs.cleanup_due_at IS NOT NULL))
                   + (SELECT count(*)
                        FROM jobs
                       WHERE jobs.limiter = limiters.key
                         AND jobs.limiter IS NOT NULL
                         AND jobs.status = 'queued'
                         AND jobs.held IS NULL)
       END AS has_room
  FROM holding
  JOIN limiters ON limiters.key = holding.key
 WHERE holding.key IS NOT NULL
 ORDER BY holding.key
