-- In how many milliseconds the next throttle opens that holds jobs.
SELECT opens_at - now_ms() AS opens_ms
  FROM limiters
 WHERE opens_at IS NOT NULL
 ORDER BY opens_at
 LIMIT 1
