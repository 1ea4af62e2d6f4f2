-- Forget a node, if it did not renew since its beat was seen.
DELETE FROM nodes
 WHERE id = $1
   AND (CAST($2 AS bigint) IS NULL OR beat = $2)
RETURNING id
