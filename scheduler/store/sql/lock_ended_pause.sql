-- Lock a pause that has ended, unless something still holds jobs because of it.
-- $1 kind
-- $2 name
SELECT name
  FROM pauses
 WHERE kind = $1
   AND name = $2
   AND (resumed_at IS NOT NULL OR until <= now_ms())
   FOR UPDATE SKIP LOCKED -- PostgreSQL only
