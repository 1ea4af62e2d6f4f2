-- End a pause that lasts.
-- $1 kind
-- $2 name
UPDATE pauses
   SET resumed_at = now_ms()
 WHERE kind = $1
   AND name = $2
   AND resumed_at IS NULL
   AND (until IS NULL OR until > now_ms())
RETURNING *
