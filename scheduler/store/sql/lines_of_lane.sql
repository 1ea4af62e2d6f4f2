-- Users who have jobs that wait in a lane, with the next of these, and how many of theirs run.
-- $1 lane
-- $2 after_uid
-- $3 limit
-- As lines.sql has it for jobs that need no label.
WITH RECURSIVE users (uid, number) AS (
    SELECT min(uid), 1
      FROM jobs
     WHERE lane = $1
       AND uid > $2
    UNION ALL
    SELECT (SELECT min(jobs.uid) FROM jobs WHERE jobs.lane = $1 AND jobs.uid > users.uid),
           users.number + 1
      FROM users
     WHERE users.uid IS NOT NULL
       AND users.number < $3
)
SELECT users.uid,
       (SELECT id FROM jobs WHERE lane = $1 AND jobs.uid = users.uid ORDER BY turn_at, id LIMIT 1) AS id,
       (SELECT min(turn_at) FROM jobs WHERE lane = $1 AND jobs.uid = users.uid) AS turn_at,
       (SELECT status FROM jobs WHERE lane = $1 AND jobs.uid = users.uid ORDER BY turn_at, id LIMIT 1)
           AS status,
       coalesce(loads.running, 0) AS running,
       $1 AS needs
  FROM users
  LEFT JOIN (SELECT uid || '' AS uid, count(*) AS running
               FROM jobs
              WHERE owner IS NOT NULL
                AND status = 'running'
              GROUP BY uid || '') AS loads ON loads.uid = users.uid
 WHERE users.uid IS NOT NULL
 ORDER BY users.uid
