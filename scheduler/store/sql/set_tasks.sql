-- Note which handlers a registered node has from now on.
-- $1 node_id
-- $2 tasks (JSON array)
UPDATE nodes
   SET tasks = $2
 WHERE id = $1
RETURNING id
