-- Pauses that do not last any more, up to a number.
-- $1 limit
SELECT kind, name
  FROM pauses
 WHERE resumed_at IS NOT NULL
    OR until <= now_ms()
 ORDER BY kind, name
 LIMIT $1
