-- Users who have jobs that wait for a worker, with the next of these, and how many of theirs run.
-- $1 after_uid
-- $2 limit
WITH RECURSIVE heads (uid, id, turn_at, status, number) AS (
    SELECT first.uid, first.id, first.turn_at, first.status, 1
      FROM (SELECT uid, id, turn_at, status
              FROM jobs
             WHERE waiting
               AND uid > $1
             ORDER BY uid, turn_at, id
             LIMIT 1) AS first
    UNION ALL
    -- The next user is found by the index, however many jobs this one has.
    SELECT jobs.uid, jobs.id, jobs.turn_at, jobs.status, heads.number + 1
      FROM heads
      JOIN jobs ON jobs.id = (SELECT following.id
                                FROM jobs AS following
                               WHERE following.waiting
                                 AND following.uid > heads.uid
                               ORDER BY following.uid, following.turn_at, following.id
                               LIMIT 1)
     WHERE heads.number < $2
)
SELECT heads.uid, heads.id, heads.turn_at, heads.status, coalesce(loads.running, 0) AS running
  FROM heads
  LEFT JOIN (-- Grouped by an expression: by the column, SQLite would read all jobs in its order.
             SELECT uid || '' AS uid, count(*) AS running
               FROM jobs
              WHERE owner IS NOT NULL
                AND status = 'running'
              GROUP BY uid || '') AS loads ON loads.uid = heads.uid
 ORDER BY heads.uid
