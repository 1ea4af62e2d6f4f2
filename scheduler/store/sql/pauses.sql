-- The pauses that last, after one of them, by kind and name, up to a number.
-- $1 kind (NULL: all)
-- $2 after_kind
-- $3 after_name
-- $4 limit
SELECT *
  FROM pauses
 WHERE resumed_at IS NULL
   AND (until IS NULL OR until > now_ms())
   AND (CAST($1 AS text) IS NULL OR kind = $1)
   AND (kind, name) > ($2, $3)
 ORDER BY kind, name
 LIMIT $4
