-- Note when throttles open for the jobs that they hold; the lanes are locked.
-- $1 keys (of a JSON object)
WITH clock AS (
    SELECT now_ms() * 1000 AS now
), known AS (
    -- Not before those have begun that were let go, and never at once again.
    SELECT lanes.key,
           CASE WHEN lanes.tat > clock.now THEN lanes.tat ELSE clock.now END - lanes.slack_us
           + lanes.interval_us * (SELECT count(*)
                                    FROM jobs
                                   WHERE jobs.lane = lanes.key
                                     AND jobs.lane IS NOT NULL
                                     AND jobs.status = 'queued'
                                     AND jobs.held IS NULL) AS opens,
           clock.now,
           EXISTS (SELECT 1
                     FROM jobs
                    WHERE jobs.status = 'queued'
                      AND (jobs.held = 'limit' OR jobs.held = 'throttle')
                      AND jobs.lane = lanes.key) AS holds
      FROM lanes
      CROSS JOIN clock
     WHERE lanes.key IN (SELECT key FROM json_each($1))
       AND lanes.interval_us IS NOT NULL
)
UPDATE lanes
   SET opens_at = CASE WHEN known.holds
                       THEN (CASE WHEN known.opens > known.now THEN known.opens
                                  ELSE known.now END + 1999) / 1000 END
  FROM known
 WHERE lanes.key = known.key
RETURNING lanes.key
