-- The pause of a task, a user or a node, if it lasts.
-- $1 kind
-- $2 name
SELECT *
  FROM pauses
 WHERE kind = $1
   AND name = $2
   AND resumed_at IS NULL
   AND (until IS NULL OR until > now_ms())
