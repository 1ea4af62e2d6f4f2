-- Close edges that are open; their parents are over, and the jobs that they lead to are locked.
-- $1 edges (JSON object of rows: parent, child)
UPDATE edges
   SET is_open = false
  FROM (SELECT value ->> 'parent' AS parent, value ->> 'child' AS child FROM json_each($1)) AS batch
 WHERE edges.parent = batch.parent
   AND edges.child = batch.child
   AND edges.is_open
RETURNING edges.child
