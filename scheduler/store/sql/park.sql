-- Hold those of some jobs that wait for a worker and have no room in one of their limiters.
-- $1 asked (JSON object of rows: id, key)
-- The limiters are locked. Of several jobs those whose turn is first have the room. One behind which
-- others are let go, but not it, would be overtaken for ever: so none passes one that is held.
WITH clock AS (
    SELECT now_ms() * 1000 AS now
), asked AS (
    SELECT value ->> 'id' AS id, value ->> 'key' AS key FROM json_each($1)
), room AS (
    SELECT limiters.key,
           CASE WHEN limiters.jobs_max IS NULL THEN 'throttle' ELSE 'limit' END AS reason,
           CASE WHEN limiters.jobs_max IS NOT NULL
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
           END AS jobs,
           CASE WHEN limiters.tat > clock.now THEN limiters.tat ELSE clock.now END - limiters.slack_us AS opens,
           limiters.interval_us
      FROM limiters
      CROSS JOIN clock
     WHERE limiters.key IN (SELECT key FROM asked)
), given AS (
    SELECT jobs.id, jobs.turn_at, asked.key,
           row_number() OVER (PARTITION BY asked.key ORDER BY jobs.turn_at, jobs.id) AS place
      FROM asked
      JOIN jobs ON jobs.id = asked.id
     WHERE jobs.status = 'queued'
       AND jobs.held IS NULL
), refused AS (
    SELECT given.id, min(given.key) AS key
      FROM given
      JOIN room ON room.key = given.key
     WHERE given.place > room.jobs
        OR EXISTS (SELECT 1
                     FROM jobs AS ahead
                    WHERE ahead.status = 'queued'
                      AND (ahead.held = 'limit' OR ahead.held = 'throttle')
                      AND ahead.limiter = given.key
                      AND (ahead.turn_at, ahead.id) < (given.turn_at, given.id))
     GROUP BY given.id
), met AS (
    SELECT jobs.id, refused.key
      FROM refused
      JOIN jobs ON jobs.id = refused.id
     WHERE jobs.status = 'queued'
       AND jobs.held IS NULL
     ORDER BY jobs.id FOR UPDATE OF jobs -- PostgreSQL only
)
UPDATE jobs
   SET held = room.reason,
       limiter = room.key,
       limiter_opens_at = CASE room.reason WHEN 'throttle'
                            THEN (room.opens + room.jobs * room.interval_us + 999) / 1000 END,
       revision = revision + 1
  FROM met
  JOIN room ON room.key = met.key
 WHERE jobs.id = met.id
   AND jobs.status = 'queued'
   AND jobs.held IS NULL
RETURNING jobs.id, jobs.uid, jobs.turn_at, jobs.needs
