-- Lanes that hold jobs, after one of them, and whether they have room by the rules of a node.
-- $1 after_key
-- $2 rules (JSON object by rule, see arguments.lanes)
-- $3 limit
WITH RECURSIVE holding (key, number) AS (
    SELECT min(lane), 1
      FROM jobs
           INDEXED BY jobs_parked -- SQLite only
     WHERE status = 'queued'
       AND (held = 'limit' OR held = 'throttle')
       AND lane > $1
    UNION ALL
    -- The next lane is found by the index, however many jobs this one holds.
    SELECT (SELECT min(jobs.lane)
              FROM jobs
             WHERE jobs.status = 'queued'
               AND (jobs.held = 'limit' OR jobs.held = 'throttle')
               AND jobs.lane > holding.key),
           holding.number + 1
      FROM holding
     WHERE holding.key IS NOT NULL
       AND holding.number < $3
)
SELECT holding.key,
       CASE WHEN lanes.jobs_max IS NULL THEN lanes.opens_at IS NULL
            ELSE coalesce((SELECT CAST(value ->> 'jobs_max' AS bigint)
                             FROM json_each($2) AS rules
                            WHERE rules.key = lanes.rule), lanes.jobs_max)
                 > (SELECT count(*)
                      FROM lane_holds
                      JOIN jobs ON jobs.id = lane_holds.job_id
                     WHERE lane_holds.key = lanes.key
                       AND (jobs.owner IS NOT NULL OR jobs.status = 'running'
                            OR jobs.cleanup = 'pending' OR jobs.cleanup_due_at IS NOT NULL))
                   + (SELECT count(*)
                        FROM jobs
                       WHERE jobs.lane = lanes.key
                         AND jobs.lane IS NOT NULL
                         AND jobs.status = 'queued'
                         AND jobs.held IS NULL)
       END AS has_room
  FROM holding
  JOIN lanes ON lanes.key = holding.key
 WHERE holding.key IS NOT NULL
 ORDER BY holding.key
