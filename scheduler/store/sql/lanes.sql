-- The lanes in which jobs wait for a worker that has what they need.
-- $1 after_lane
-- $2 limit
WITH RECURSIVE lanes (lane, number) AS (
    SELECT min(lane), 1
      FROM jobs
     WHERE lane > $1
    UNION ALL
    -- The next one is found by the index, however many jobs this one has.
    SELECT (SELECT min(jobs.lane) FROM jobs WHERE jobs.lane > lanes.lane), lanes.number + 1
      FROM lanes
     WHERE lanes.lane IS NOT NULL
       AND lanes.number < $2
)
SELECT lane FROM lanes WHERE lane IS NOT NULL ORDER BY lane
