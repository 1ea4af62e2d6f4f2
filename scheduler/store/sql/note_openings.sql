-- Note when throttles open for the jobs that they hold; the limiters are locked.
-- $1 keys (of a JSON object)
WITH clock AS (
    SELECT now_ms() * 1000 AS now
), known AS (
    -- Not before those have begun that were let go, and never at once again.
    SELECT limiters.key,
           CASE WHEN limiters.tat > clock.now THEN limiters.tat ELSE clock.now END - limiters.slack_us
           + limiters.interval_us * (SELECT count(*)
                                    FROM jobs
                                   WHERE jobs.limiter = limiters.key
                                     AND jobs.limiter IS NOT NULL
                                     AND jobs.status = 'queued'
                                     AND jobs.held IS NULL) AS opens,
           clock.now,
           EXISTS (SELECT 1
                     FROM jobs
                    WHERE jobs.status = 'queued'
                      AND (jobs.held = 'limit' OR jobs.held = 'throttle')
                      AND jobs.limiter = limiters.key) AS holds
      FROM limiters
      CROSS JOIN clock
     WHERE limiters.key IN (SELECT key FROM json_each($1))
       AND limiters.interval_us IS NOT NULL
)
UPDATE limiters
   SET opens_at = CASE WHEN known.holds
                       THEN (CASE WHEN known.opens > known.now THEN known.opens
                                  ELSE known.now END + 1999) / 1000 END
  FROM known
 WHERE limiters.key = known.key
RETURNING limiters.key
