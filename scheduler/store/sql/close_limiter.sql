-- Let no job of a throttle begin for some time; without effect where it is closed for longer.
-- $1 key
-- $2 rule
-- $3 interval_us
-- $4 slack_us
-- $5 after_us
WITH clock AS (SELECT now_ms() * 1000 AS now)
INSERT INTO limiters (key, rule, interval_us, slack_us, tat)
SELECT CAST($1 AS text), CAST($2 AS text), CAST($3 AS bigint), CAST($4 AS bigint),
       clock.now + CAST($5 AS bigint) + CAST($4 AS bigint)
  FROM clock
 WHERE clock.now > 0
    ON CONFLICT (key) DO UPDATE
   SET tat = excluded.tat,
       opens_at = CASE WHEN limiters.opens_at IS NOT NULL
                       THEN (excluded.tat - excluded.slack_us + 1999) / 1000 END
 WHERE limiters.interval_us IS NOT NULL
   AND limiters.tat < excluded.tat
RETURNING key
