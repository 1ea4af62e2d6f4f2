-- Let as many held jobs wait for a worker as a limiter has room for, in their turn; it is locked.
-- $1 key
-- $2 limit
WITH clock AS (
    SELECT now_ms() * 1000 AS now
), room AS (
    -- Those count that were let go and have not begun, or left.
    SELECT CASE WHEN limiters.jobs_max IS NOT NULL
                THEN limiters.jobs_max
                     - (SELECT count(*)
                          FROM limiter_holds
                          JOIN jobs ON jobs.id = limiter_holds.job_id
                         WHERE limiter_holds.key = limiters.key
                           AND (jobs.owner IS NOT NULL OR jobs.status = 'running'
                                OR jobs.cleanup = 'pending' OR jobs.cleanup_due_at IS NOT NULL))
                WHEN limiters.tat - limiters.slack_us > clock.now THEN 0
                ELSE 1 + (clock.now + limiters.slack_us
                          - CASE WHEN limiters.tat > clock.now THEN limiters.tat ELSE clock.now END)
                         / limiters.interval_us
           END
           - (SELECT count(*)
                FROM jobs
               WHERE jobs.limiter = limiters.key
                 AND jobs.limiter IS NOT NULL
                 AND jobs.status = 'queued'
                 AND jobs.held IS NULL) AS jobs
      FROM limiters
      CROSS JOIN clock
     WHERE limiters.key = $1
), free AS (
    SELECT id
      FROM jobs
           INDEXED BY jobs_parked -- SQLite only
     WHERE status = 'queued'
       AND (held = 'limit' OR held = 'throttle')
       AND limiter = $1
     ORDER BY turn_at, id
     LIMIT (SELECT CASE WHEN jobs < 0 THEN 0 WHEN jobs > $2 THEN $2 ELSE jobs END FROM room)
       FOR UPDATE OF jobs SKIP LOCKED -- PostgreSQL only
)
UPDATE jobs
   SET held = NULL,
       limiter_opens_at = NULL,
       revision = revision + 1
 WHERE id IN (SELECT id FROM free)
RETURNING id, uid, turn_at, needs
