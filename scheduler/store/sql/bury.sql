-- Delete a node, unless it renewed its lease after a given beat.
-- $1 node_id
-- $2 beat (NULL: whatever its beat is)
DELETE FROM nodes
 WHERE id = $1
   AND (CAST($2 AS bigint) IS NULL OR beat = $2)
RETURNING id
