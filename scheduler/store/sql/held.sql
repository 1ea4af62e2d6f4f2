-- How many queued jobs are held, by reason: until a time, paused, in limiters, by keys, after others.
-- $1 count_max (of each)
SELECT held AS reason, count(*) AS jobs
  FROM (SELECT held
          FROM jobs
               INDEXED BY jobs_held -- SQLite only
         WHERE held IS NOT NULL
           AND status = 'queued'
           AND due_at IS NOT NULL
         ORDER BY due_at -- so that the index is read
         LIMIT $1) AS until_a_time
 GROUP BY held
 UNION ALL
-- Apart: else a million of them would leave none of the others to be counted.
SELECT 'paused' AS reason, count(*) AS jobs
  FROM (SELECT task
          FROM jobs
               INDEXED BY jobs_paused_of_task -- SQLite only
         WHERE status = 'queued'
           AND held = 'paused'
         ORDER BY task, turn_at
         LIMIT $1) AS paused
 UNION ALL
SELECT reason, count(*) AS jobs
  FROM (SELECT held AS reason
          FROM jobs
               INDEXED BY jobs_parked -- SQLite only
         WHERE status = 'queued'
           AND (held = 'limit' OR held = 'throttle')
         ORDER BY limiter, turn_at
         LIMIT $1) AS in_limiters
 GROUP BY reason
 UNION ALL
SELECT 'unique' AS reason, count(*) AS jobs
  FROM (SELECT id
          FROM jobs
               INDEXED BY jobs_replacing -- SQLite only
         WHERE status = 'queued'
           AND held = 'unique'
         ORDER BY id
         LIMIT $1) AS replacing
 UNION ALL
SELECT key AS reason,
       (SELECT count(*)
          FROM (SELECT 1
                  FROM jobs
                       INDEXED BY jobs_held -- SQLite only
                 WHERE held IS NOT NULL
                   AND status = 'queued'
                   AND due_at IS NULL
                   AND held = key
                 ORDER BY due_at, held
                 LIMIT $1) AS after_others) AS jobs
  FROM json_each('{"after": 1, "overlap": 1, "replace": 1}')
