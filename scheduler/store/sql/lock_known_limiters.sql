-- Lock limiters that are there, and note what they let through by the rules of a node.
-- $1 keys (of a JSON object)
-- $2 rules (JSON object by rule, see arguments.limiters)
WITH clock AS (
    SELECT now_ms() * 1000 AS now
), locked AS (
    SELECT key, rule
      FROM limiters
     WHERE key IN (SELECT key FROM json_each($1))
     ORDER BY key FOR UPDATE -- PostgreSQL only
), known AS (
    SELECT locked.key,
           rules.value,
           CAST(rules.value ->> 'interval_us' AS bigint) AS new_us,
           clock.now
      FROM locked
      CROSS JOIN clock
      LEFT JOIN json_each($2) AS rules ON rules.key = locked.rule
)
UPDATE limiters
   SET jobs_max = coalesce(CAST(known.value ->> 'jobs_max' AS bigint), jobs_max),
       interval_us = coalesce(known.new_us, interval_us),
       slack_us = coalesce(CAST(known.value ->> 'slack_us' AS bigint), slack_us),
       -- As in lock_limiters.sql.
       tat = CASE WHEN known.new_us < interval_us AND tat > known.now
                       AND tat <= known.now + slack_us + interval_us
                  THEN known.now + CAST(1.0 * (tat - known.now) * known.new_us / interval_us AS bigint)
                  ELSE tat END
  FROM known
 WHERE limiters.key = known.key
RETURNING limiters.key
