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
       tat = CASE WHEN excluded.jobs_max IS NULL THEN limiters.tat ELSE excluded.tat END
RETURNING key
