-- The tokens that were made before one of them, or all, newest first, up to a number.
-- $1 before_id (NULL: all)
-- $2 limit
SELECT tokens.*
  FROM tokens
  LEFT JOIN tokens AS later ON later.id = $1
 WHERE CAST($1 AS text) IS NULL
    OR (tokens.created_at, tokens.id) < (later.created_at, later.id)
 ORDER BY tokens.created_at DESC, tokens.id DESC
 LIMIT $2
