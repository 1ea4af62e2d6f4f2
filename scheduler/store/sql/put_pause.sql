-- Pause a task, a user or a node, unless it is paused exactly so, or its end is past.
-- $1 kind
-- $2 name
-- $3 reason (NULL: none)
-- $4 until (ms since 1970; NULL: it does not end by itself)
-- $5 paused_by (NULL: nobody is known)
WITH clock AS (SELECT now_ms() AS now)
INSERT INTO pauses (kind, name, reason, until, paused_at, paused_by)
SELECT $1, $2, CAST($3 AS text), CAST($4 AS bigint), now, CAST($5 AS text)
  FROM clock
 WHERE CAST($4 AS bigint) IS NULL OR CAST($4 AS bigint) > now
ON CONFLICT (kind, name) DO UPDATE
   SET reason = excluded.reason,
       until = excluded.until,
       paused_by = excluded.paused_by,
       paused_at = CASE WHEN pauses.resumed_at IS NULL
                         AND (pauses.until IS NULL OR pauses.until > excluded.paused_at)
                        THEN pauses.paused_at ELSE excluded.paused_at END,
       resumed_at = NULL
 WHERE pauses.resumed_at IS NOT NULL
    OR pauses.until <= excluded.paused_at
    OR pauses.reason IS DISTINCT FROM excluded.reason
    OR pauses.until IS DISTINCT FROM excluded.until
RETURNING *
