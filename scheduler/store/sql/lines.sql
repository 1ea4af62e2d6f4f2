-- Users who have jobs that wait for any worker, with the next of these, and how many of theirs run.
-- $1 after_uid
-- $2 limit
-- All but the loads comes from one index, since the jobs of SQLite are behind large texts.
WITH RECURSIVE users (uid, number) AS (
    SELECT min(uid), 1
      FROM jobs
     WHERE waiting
       AND uid > $1
    UNION ALL
    -- The next user is found by the index, however many jobs this one has.
    SELECT (SELECT min(jobs.uid) FROM jobs WHERE jobs.waiting AND jobs.uid > users.uid),
           users.number + 1
      FROM users
     WHERE users.uid IS NOT NULL
       AND users.number < $2
)
SELECT users.uid,
       (SELECT id FROM jobs WHERE waiting AND jobs.uid = users.uid ORDER BY turn_at, id LIMIT 1) AS id,
       (SELECT min(turn_at) FROM jobs WHERE waiting AND jobs.uid = users.uid) AS turn_at,
       (SELECT status FROM jobs WHERE waiting AND jobs.uid = users.uid ORDER BY turn_at, id LIMIT 1)
           AS status,
       coalesce(loads.running, 0) AS running,
       NULL AS needs
  FROM users
  LEFT JOIN (-- Grouped by an expression: by the column, SQLite would read all jobs in its order.
             SELECT uid || '' AS uid, count(*) AS running
               FROM jobs
              WHERE owner IS NOT NULL
                AND status = 'running'
              GROUP BY uid || '') AS loads ON loads.uid = users.uid
 WHERE users.uid IS NOT NULL
 ORDER BY users.uid
