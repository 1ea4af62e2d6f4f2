-- Renew the lease of a registered node.
-- $1 node_id
-- $2 running
UPDATE nodes
   SET beat = beat + 1,
       running = $2
 WHERE id = $1
RETURNING id
