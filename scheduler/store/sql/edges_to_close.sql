-- Noted ends, with the open edges that lead from them; one from which none is open has no child.
-- $1 limit
WITH noted AS (
    SELECT id, parent
      FROM awaited_ends
     ORDER BY id
     LIMIT $1
)
SELECT noted.id, noted.parent, edges.child
  FROM noted
  LEFT JOIN edges ON edges.parent = noted.parent AND edges.is_open
 LIMIT $1
