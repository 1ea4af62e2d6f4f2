-- Lock limiters that are there, and note what they let through by the rules of a node.
-- $1 keys (of a JSON object)
-- $2 rules (JSON object by rule, see arguments.limiters)
WITH locked AS (
    SELECT key, rule
      FROM limiters
     WHERE key IN (SELECT key FROM json_each($1))
     ORDER BY key FOR UPDATE -- PostgreSQL only
), known AS (
    SELECT locked.key, rules.value
      FROM locked
      LEFT JOIN json_each($2) AS rules ON rules.key = locked.rule
)
UPDATE limiters
   SET jobs_max = coalesce(CAST(known.value ->> 'jobs_max' AS bigint), jobs_max),
       interval_us = coalesce(CAST(known.value ->> 'interval_us' AS bigint), interval_us),
       slack_us = coalesce(CAST(known.value ->> 'slack_us' AS bigint), slack_us)
  FROM known
 WHERE limiters.key = known.key
RETURNING limiters.key
