-- Make those limiters that are missing, lock all, and note what they let through by their rules now.
-- $1 limiters (JSON object by key, see arguments.limiters)
-- All take their locks in the order of keys, else two could wait for each other.
INSERT INTO limiters (key, rule, jobs_max, interval_us, slack_us, tat)
SELECT key,
       value ->> 'rule',
       CAST(value ->> 'jobs_max' AS bigint),
       CAST(value ->> 'interval_us' AS bigint),
       CAST(value ->> 'slack_us' AS bigint),
       CASE WHEN value ->> 'jobs_max' IS NULL THEN 0 ELSE now_ms() * 1000 END
  FROM json_each($1)
 WHERE key IS NOT NULL
 ORDER BY key
          COLLATE "C" -- PostgreSQL only
    ON CONFLICT (key) DO UPDATE
   SET jobs_max = excluded.jobs_max,
       interval_us = excluded.interval_us,
       slack_us = excluded.slack_us,
       tat = CASE WHEN excluded.jobs_max IS NOT NULL THEN excluded.tat
                  -- As if all had begun by a rule that lets more begin, unless it was closed for longer.
                  WHEN excluded.interval_us < limiters.interval_us
                       AND limiters.tat > now_ms() * 1000
                       AND limiters.tat <= now_ms() * 1000 + limiters.slack_us + limiters.interval_us
                  THEN now_ms() * 1000 + CAST(1.0 * (limiters.tat - now_ms() * 1000) * excluded.interval_us
                                              / limiters.interval_us AS bigint)
                  ELSE limiters.tat END
RETURNING key
