-- Hold those of some jobs that wait for a worker and have no room in one of their lanes.
-- $1 asked (JSON object of rows: id, key)
-- The lanes are locked. Of several jobs those whose turn is first have the room. One behind which
-- others are let go, but not it, would be overtaken for ever: so none passes one that is held.
WITH clock AS (
    SELECT now_ms() * 1000 AS now
), asked AS (
    SELECT value ->> 'id' AS id, value ->> 'key' AS key FROM json_each($1)
), room AS (
    SELECT lanes.key,
           CASE WHEN lanes.jobs_max IS NULL THEN 'throttle' ELSE 'limit' END AS reason,
           CASE WHEN lanes.jobs_max IS NOT NULL
                THEN lanes.jobs_max
                     - (SELECT count(*)
                          FROM lane_holds
                          JOIN jobs ON jobs.id = lane_holds.job_id
                         WHERE lane_holds.key = lanes.key
                           AND (jobs.owner IS NOT NULL OR jobs.status = 'running'
                                OR jobs.cleanup = 'pending' OR jobs.cleanup_due_at IS NOT NULL))
                WHEN lanes.tat - lanes.slack_us > clock.now THEN 0
                ELSE 1 + (clock.now + lanes.slack_us
                          - CASE WHEN lanes.tat > clock.now THEN lanes.tat ELSE clock.now END)
                         / lanes.interval_us
           END AS jobs,
           CASE WHEN lanes.tat > clock.now THEN lanes.tat ELSE clock.now END - lanes.slack_us AS opens,
           lanes.interval_us
      FROM lanes
      CROSS JOIN clock
     WHERE lanes.key IN (SELECT key FROM asked)
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
                      AND ahead.lane = given.key
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
       lane = room.key,
       lane_opens_at = CASE room.reason WHEN 'throttle'
                            THEN (room.opens + room.jobs * room.interval_us + 999) / 1000 END,
       revision = revision + 1
  FROM met
  JOIN room ON room.key = met.key
 WHERE jobs.id = met.id
   AND jobs.status = 'queued'
   AND jobs.held IS NULL
RETURNING jobs.id, jobs.uid, jobs.turn_at
